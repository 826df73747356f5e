"""A pipeline of batches, in this process and on Beam's own job service with a worker of its own: every item once."""

import pytest

pytest.importorskip("apache_beam", reason="Apache Beam (the extra beam) is not installed")

from numbered_stages import Doubling

from cmr.errors import CmrError, ConfigError, WorkspaceError
from cmr.pipelines import batches, running
from cmr.pipelines.parts import UNREADABLE
from cmr.pipelines.runners import Runner
from cmr.pipelines.work import Work

DIRECT = Runner("DirectRunner")
NUMBERS = (*range(20), -4)


@pytest.fixture
def place(tmp_path):
    return Work(tmp_path / "home", {})


def compute(place: Work, runner: Runner, stage: Doubling, numbers=NUMBERS):
    """Every number with what came of it."""
    items = [[f"key {number}", str(number)] for number in numbers]
    results = batches.compute(place, runner, stage, items, "number", "test")
    came = {}
    for number, (key, _) in zip(numbers, items, strict=True):
        located = results[key]
        unreadable = located.kind == UNREADABLE
        came[number] = results.reason(located) if unreadable else results.value(located, "rows").tolist()
    return came


EXPECTED = {number: [2.0 * number] for number in range(20)} | {-4: "-4 is negative"}


def test_every_item_has_its_result_and_a_worker_loads_its_model_once(place, tmp_path):
    stage = Doubling(tmp_path)

    assert compute(place, Runner("DirectRunner", ("--direct_num_workers=2",)), stage) == EXPECTED
    # Of two threads.
    assert stage.loads == 1


def test_the_same_through_a_job_service_and_a_worker_of_its_own(place, tmp_path, portable):
    stage = Doubling(tmp_path)

    assert compute(place, portable, stage) == EXPECTED
    assert stage.loads == 1


def test_a_worker_that_is_killed_ends_the_command_in_a_sentence_and_doubles_nothing(place, tmp_path, portable):
    stage = Doubling(tmp_path, trouble="killed")

    with pytest.raises(
        CmrError, match=r"^the pipeline on PortableRunner failed \(.*\); what is already written is kept"
    ):
        compute(place, portable, stage)

    assert compute(place, DIRECT, stage) == EXPECTED


def test_what_was_done_before_a_stop_is_not_done_again_but_what_was_unreadable_is(place, tmp_path):
    compute(place, DIRECT, Doubling(tmp_path))

    class Only(Doubling):
        def compute(self, model, items):
            assert {key for key, _ in items} <= {"key -4", "key 77"}
            yield from super().compute(model, items)

    assert compute(place, DIRECT, Only(tmp_path), (*NUMBERS, 77)) == {**EXPECTED, 77: [154.0]}


def test_with_everything_done_no_pipeline_is_run(place, tmp_path):
    stage = Doubling(tmp_path)
    compute(place, DIRECT, stage, range(5))

    compute(place, Runner("PortableRunner", ("--job_endpoint=nowhere",)), stage, range(5))

    assert stage.loads == 1


def test_without_items_there_is_nothing_to_do(place, tmp_path):
    assert compute(place, DIRECT, Doubling(tmp_path), ()) == {}


@pytest.mark.parametrize("on", ["direct", "portable"])
def test_a_model_that_a_worker_can_not_load_is_its_own_sentence(place, tmp_path, request, on):
    runner = DIRECT if on == "direct" else request.getfixturevalue("portable")

    with pytest.raises(WorkspaceError) as raised:
        compute(place, runner, Doubling(tmp_path, trouble="refused"))

    assert str(raised.value) == "the model /models/a.cmr is damaged; pack it again"


def test_any_other_failure_is_one_sentence_with_its_last_words(place, tmp_path):
    with pytest.raises(CmrError) as raised:
        compute(place, DIRECT, Doubling(tmp_path, trouble="error"))

    assert str(raised.value) == (
        "the pipeline on DirectRunner failed (ZeroDivisionError: of a worker); what is already written is kept, and "
        "the same command goes on from there"
    )


def test_an_engine_that_loses_results_is_not_believed(place, tmp_path):
    with pytest.raises(
        WorkspaceError, match=r"the pipeline ended, and 1 of 21 results are not in .*, such as that of '7'"
    ):
        compute(place, DIRECT, Doubling(tmp_path, trouble="lost"))


def test_a_worker_that_does_not_see_the_pictures_says_so(place, tmp_path):
    with pytest.raises(
        WorkspaceError, match=r"a worker can't read .*/none \(No such file or directory\); it must lie on"
    ):
        compute(place, DIRECT, Doubling(tmp_path / "none"))


def test_a_service_that_is_not_there_is_a_sentence(place, tmp_path):
    runner = Runner("PortableRunner", ("--job_endpoint=localhost:1", "--job_server_timeout=1"))

    with pytest.raises(
        ConfigError, match=r"no job service answers at localhost:1; start it, or mend --job_endpoint of"
    ):
        compute(place, runner, Doubling(tmp_path))


def test_an_option_that_beam_can_not_read_is_named():
    runner = Runner("DirectRunner", ("--direct_num_workers=many",))

    with pytest.raises(
        ConfigError, match=r"--runner_options can't be read \(argument --direct_num_workers: invalid int"
    ):
        running.run(runner, lambda pipeline: None)


def test_an_interrupt_also_ends_the_pipeline_on_the_engine(monkeypatch):
    cancelled = []

    class Result:
        def wait_until_finish(self):
            raise KeyboardInterrupt

        def cancel(self):
            cancelled.append(True)

    monkeypatch.setattr(running.beam.Pipeline, "run", lambda self: Result())

    with pytest.raises(KeyboardInterrupt):
        running.run(DIRECT, lambda pipeline: None)
    assert cancelled == [True]
