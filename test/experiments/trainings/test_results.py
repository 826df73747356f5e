"""What is read back from finished runs, and what is refused."""

import contextlib
import itertools

import finished_runs
import measured_rows
import pytest

from cmr.errors import WorkspaceError
from cmr.evaluation import results_table
from cmr.workspace import fingerprints
from cmr.workspace.fingerprints import Fingerprint
from cmr.workspace.runs import Run
from experiments.trainings import results
from experiments.trainings.results import RowResult, RunResult


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


@pytest.mark.parametrize("fitted_at_once", [False, True])
def test_what_is_fitted_at_once_has_no_course(row, fitted_at_once):
    losses = {} if fitted_at_once else {"loss": 1.0}
    for result, kept in zip(row.runs, ({"loss": 2.0}, losses), strict=True):
        result.run.write_history([{**entry, **kept} for entry in result.history])

    read = RowResult(row.name, tuple(RunResult(result.run) for result in row.runs))

    assert read.has_course != fitted_at_once


def test_what_is_measured_of_the_whole_validation_split_counts_before_the_epochs_part_of_it(row):
    result = row.runs[0]
    whole = result.history[0]["val"]
    result.run.write_metrics({**result.metrics_json, "val": whole})

    assert RunResult(result.run).kept_val.to_dict() == whole != result.best_val.to_dict()


VGG = {"features": "vgg16-pool5_avg", "role": "VGG features", "for": "VGG16 fc7"}
IMAGE = {"features": "efficientnet_lite2", "role": "image features", "for": "Inception v3"}


def test_a_row_has_the_stand_ins_of_all_its_runs_each_once(row):
    for result, stand_ins in zip(row.runs, ([VGG], [VGG, IMAGE]), strict=True):
        result.run.write_metrics({**result.run.read_metrics(), "stand_ins": stand_ins})

    assert row.stand_ins == [VGG, IMAGE]


@pytest.mark.parametrize("kept", [[], [VGG], [IMAGE], [VGG, IMAGE]])
def test_stand_ins_of_a_run_that_has_the_sentence_alone_are_read_from_it(row, kept):
    extractors = [
        {"name": stand_in["features"], "model": "another" if stand_in in kept else "", "stand_in": ""}
        for stand_in in (VGG, IMAGE)
    ]
    run = row.runs[0].run
    run.write_metrics({**run.read_metrics(), "features": results_table.describe_features(*extractors)})

    assert row.runs[0].stand_ins == kept == results_table.stand_ins(*extractors)


def test_runs_on_other_captions_are_not_put_into_one_table(row, tmp_path):
    other = Run(tmp_path / "other")
    finished_runs.write(other, captions="another checksum")

    results.check_same_inputs([row])
    with pytest.raises(WorkspaceError, match=r"run0 and .*other were trained on different versions of captions"):
        results.check_same_inputs([row, results.read_row("other", [other])])


def run_on(folder, checksum, projections=None):
    """A row of one run, with the fingerprint of what it has read where that is known."""
    run = Run(folder)
    finished_runs.write(run, captions=checksum * 64)
    if projections is not None:
        found = Fingerprint(checksum * 64, 2.0, (projections,) * fingerprints.SIZE)
        run.write_metrics({**run.read_metrics(), "fingerprints": {"captions.csv": found.to_dict()}})
    return results.read_row(folder.name, [run])


@pytest.mark.parametrize("relative", [1e-6, 1e-2])
def test_runs_on_features_of_two_machines_are_put_into_one_table(tmp_path, relative):
    rows = [run_on(tmp_path / "here", "a", 1.0), run_on(tmp_path / "there", "b", 1.0 + relative)]

    with contextlib.nullcontext() if relative < 1e-3 else pytest.raises(WorkspaceError, match="different versions"):
        results.check_same_inputs(rows)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_the_same_bytes_an_older_version_knew_less(tmp_path, order):
    kinds = [("a", None), ("a", 1.0), ("b", 1.0 + 1e-6)]
    rows = [run_on(tmp_path / str(number), *kind) for number, kind in enumerate(kinds)]

    results.check_same_inputs([rows[number] for number in order])
    with pytest.raises(WorkspaceError, match="different versions"):
        results.check_same_inputs([rows[0], rows[2]])


def test_an_unfinished_run_is_named(tmp_path):
    begun = Run(tmp_path / "begun")
    begun.path.mkdir()
    begun.config_json.write_text("{}")

    with pytest.raises(WorkspaceError, match=r"metrics.json is missing"):
        results.read_row("row", [begun])


def test_a_run_that_is_gone_is_not_said_to_be_unfinished(tmp_path):
    with pytest.raises(WorkspaceError, match=r"missing holds no run; where one was removed"):
        results.read_row("row", [Run(tmp_path / "missing")])


@pytest.mark.parametrize(
    ("notes", "united"),
    [
        ([["a."], ["a."]], ["a."]),
        ([["a.", "b."], ["b.", "c."]], ["a.", "b.", "c."]),
        ([["(random, seed 0), x."], ["(random, seed 1), x."]], ["(random, seeds 0, 1), x."]),
        ([["a.", "(random, seed 0)."], ["(random, seed 0)."]], ["a.", "(random, seed 0)."]),
    ],
)
def test_the_notes_of_a_row_are_those_of_all_its_runs(tmp_path, notes, united):
    row = measured_rows.row(tmp_path, "row", seeds=2)
    for result, of_run in zip(row.runs, notes, strict=True):
        result.metrics_json["notes"] = of_run

    assert row.notes == united


def test_the_features_of_a_row_are_those_of_all_its_runs(tmp_path):
    row = measured_rows.row(tmp_path, "row", seeds=3)
    for result, features in zip(row.runs, ("one", "one; two", "two"), strict=True):
        result.metrics_json["features"] = features

    assert row.features == "one; two"
