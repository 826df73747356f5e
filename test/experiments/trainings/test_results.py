"""What is read back from finished runs, and what is refused."""

import finished_runs
import pytest

from cmr.errors import WorkspaceError
from cmr.workspace.runs import Run
from experiments.trainings import results
from experiments.trainings.results import RunResult


@pytest.fixture
def row(tmp_path):
    """A row of two finished runs."""
    folders = [Run(tmp_path / f"run{seed}") for seed in range(2)]
    for seed, run in enumerate(folders):
        finished_runs.write(run, seed)
    return results.read_row("row", folders)


def test_a_row_has_its_runs_ranks_and_their_metrics(row):
    assert [ranks.metrics() for ranks in row.ranks] == [result.test for result in row.runs]


def test_the_best_epoch_is_the_one_with_the_largest_validation_sum(row):
    for result in row.runs:
        assert result.best_epoch == 1
        assert result.best_val.to_dict() == result.history[1]["val"]


def test_of_equally_good_epochs_the_best_is_the_first_as_in_training(row):
    result = row.runs[0]
    chance, best, _ = (entry["val"] for entry in result.run.read_history())
    result.run.write_history(
        [{"epoch": epoch, "loss": 1.0, "val": val} for epoch, val in enumerate([chance, best, chance, best], start=1)]
    )

    assert RunResult(result.run).best_epoch == 2


def test_an_ensemble_is_no_trained_row(row):
    assert row.is_trained

    row.runs[1].run.config_json.unlink()

    assert not row.is_trained


def test_runs_on_other_captions_are_not_put_into_one_table(row, tmp_path):
    other = Run(tmp_path / "other")
    finished_runs.write(other, captions="another checksum")

    results.check_same_inputs([row])
    with pytest.raises(WorkspaceError, match=r"run0 and .*other were trained on different versions of captions"):
        results.check_same_inputs([row, results.read_row("other", [other])])


def test_an_unfinished_run_is_named(tmp_path):
    with pytest.raises(WorkspaceError, match=r"metrics.json is missing"):
        results.read_row("row", [Run(tmp_path / "missing")])
