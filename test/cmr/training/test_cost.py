"""What a run costs, added up over the processes that worked on it."""

import json

import pytest

from cmr.errors import WorkspaceError
from cmr.training import cost
from cmr.training.cost import Cost
from cmr.workspace.runs import Run


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


@pytest.fixture
def clock(monkeypatch):
    """Seconds that tests set."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(cost, "time", clock)
    return clock


def kept(run, seconds, peak_memory_mb=1.0):
    run.path.mkdir(parents=True, exist_ok=True)
    run.cost_json.write_text(json.dumps({"seconds": seconds, "peak_memory_mb": peak_memory_mb}))


def test_processes_are_added_up_to_what_each_kept_last(run, clock):
    first = Cost(run)
    clock.now += 7
    first.keep()
    clock.now += 5
    first.keep()
    # It is killed, and the next one does again what was not kept.
    clock.now += 1000
    second = Cost(run)
    clock.now += 3
    second.keep()

    assert cost.total(run)["seconds"] == 15.0


def test_one_that_is_killed_before_its_first_saved_state_is_not_taken_for_an_earlier_versions(run, clock):
    Cost(run)
    run.write_history([{"epoch": 1}])
    clock.now += 9
    second = Cost(run)
    clock.now += 4
    second.keep()

    assert cost.total(run)["seconds"] == 4.0


def test_a_block_is_counted(run, clock):
    with cost.counted(run):
        clock.now += 2.5

    assert cost.total(run)["seconds"] == 2.5


def test_a_block_that_is_stopped_counts(run, clock):
    with pytest.raises(KeyboardInterrupt), cost.counted(run):
        clock.now += 2.5
        raise KeyboardInterrupt

    assert cost.total(run)["seconds"] == 2.5


def test_the_memory_is_that_of_the_largest_process(run):
    kept(run, 0.0, peak_memory_mb=1e9)
    Cost(run).keep()
    assert cost.total(run)["peak_memory_mb"] == 1e9

    kept(run, 0.0, peak_memory_mb=1.0)
    Cost(run).keep()
    # This process holds an interpreter at least, and no machine of ours a terabyte.
    assert 5 < cost.total(run)["peak_memory_mb"] < 2**20


def test_the_phase_before_is_part_of_it(run):
    kept(run, 10.0, 300.0)
    kept(run.text_phase, 20.0, 500.0)
    run.text_phase.write_history([])

    assert cost.total(run) == {"seconds": 30.0, "peak_memory_mb": 500.0}


@pytest.mark.parametrize("left", ["history.json", "checkpoints/checkpoint"])
def test_what_an_earlier_version_began_has_no_known_cost(run, left):
    (run.path / left).parent.mkdir(parents=True)
    (run.path / left).write_text("")
    Cost(run).keep()

    assert cost.total(run) == {}


def test_a_phase_before_that_an_earlier_version_trained_makes_the_whole_unknown(run):

    kept(run, 10.0)
    run.text_phase.path.mkdir()
    run.text_phase.write_history([{"epoch": 1}])
    assert cost.total(run) == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"seconds": -1, "peak_memory_mb": 1}', '{"seconds": 1}'])
def test_a_damaged_file_is_named_with_the_mend(run, text):
    run.path.mkdir()
    run.cost_json.write_text(text)

    with pytest.raises(WorkspaceError, match=r"cost.json .*; remove it"):
        Cost(run)
