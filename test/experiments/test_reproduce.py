"""A table from its flagfiles: trained once, written in every format, told in one line what is wrong."""

import re
import shutil

import pytest
from tiny_runs import TINY, read_json, run_main
from tiny_workspaces import make_workspace

from cmr.workspace.paths import Workspace
from experiments import reproduce
from experiments.ensemble import __main__ as ensemble
from experiments.tables.table import OURS, STAND_IN_MARK, ResultTable


def call(command, *arguments):
    return run_main(command.main, *arguments, doc=command.__doc__, groups=command.GROUPS)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """The workspace of a table of two rows, its flags, and how the command ended the first and the second time."""
    folder = tmp_path_factory.mktemp("table")
    workspace = make_workspace(folder / "workspace")
    tiny = folder / "tiny.flags"
    tiny.write_text("\n".join([*TINY, "--max_epochs=1"]))
    flags = (
        f"--workspace_dir={workspace.root}",
        f"--overlay={tiny}",
        "--rows=vse_paper,single",
        "--seeds=1",
        "--jobs=2",
    )
    return workspace, flags, [call(reproduce, *flags) for _ in range(2)]


def test_a_table_is_trained_once_and_written_in_every_format(reproduced):
    workspace, _, (first, second) = reproduced

    assert (first.returncode, second.returncode) == (0, 0), (first.stderr, second.stderr)
    assert "2 trainings, 2 of them to do" in first.stdout
    assert "2 trainings, 0 of them to do" in second.stdout
    assert first.stdout.partition("| ")[2] == second.stdout.partition("| ")[2]
    names = {path.name for path in workspace.experiments_dir.glob("[!.]*")}
    assert names == {f"scenes-vse_paper-single-tiny.{end}" for end in ("md", "csv", "tex", "html", "json")}


def test_its_numbers_are_those_of_the_runs(reproduced):
    workspace, _, _ = reproduced
    table = ResultTable.from_json((workspace.experiments_dir / "scenes-vse_paper-single-tiny.json").read_text())

    ours = [row for row in table.rows if row.kind == OURS]
    assert [row.label.removesuffix(STAND_IN_MARK) for row in ours] == ["vse_paper", "single"]
    for row in ours:
        measured = read_json(workspace.run_dir(row.runs[0]) / "metrics.json")["test"]
        assert row.cells[0].mean == measured["sentence_retrieval"]["recall_at_1"]
        assert row.cells[8].mean == measured["image_retrieval"]["median_rank"]
        assert row.cells[9].mean == measured["image_retrieval"]["mean_rank"]


def test_every_file_says_which_overlays_made_it(reproduced):
    workspace, _, _ = reproduced

    for path in workspace.experiments_dir.glob("scenes-vse_paper-single-tiny.*"):
        text = re.sub(r"<[^>]*>|\\mbox|[\\{}]", "", path.read_text())
        assert "read after them: tiny (--batch_size=15 " in text, path
        assert "--max_epochs=1 " in text, path


def test_a_plan_names_the_commands_and_does_nothing(reproduced):
    workspace, flags, _ = reproduced
    before = sorted(workspace.root.rglob("*"))

    ended = call(reproduce, *flags, "--seeds=2", "--dry_run")

    assert ended.stdout.count("python -m cmr.train ") == 2
    assert "0 preparations and 2 of 4 trainings to do" in ended.stdout
    assert sorted(workspace.root.rglob("*")) == before


def test_the_best_row_and_an_ensemble_are_chosen_and_tested(reproduced):
    workspace, _, _ = reproduced

    ended = call(ensemble, f"--workspace_dir={workspace.root}", "--candidates=*-seed0-*")

    assert ended.returncode == 0, ended.stderr
    table = ResultTable.from_json((workspace.experiments_dir / "beyond.json").read_text())
    best, both = (row for row in table.rows if row.kind == OURS)
    assert best.label.startswith("best single model (")
    assert both.label.startswith("ensemble of ")
    kept = read_json(workspace.run_dir(both.runs[0]) / "metrics.json")
    assert both.cells[0].mean == kept["test"]["sentence_retrieval"]["recall_at_1"]
    assert set(kept["members"]) <= {path.name for path in workspace.run_dir("").iterdir()}


def test_the_best_row_and_the_ensemble_are_corrected_by_a_query_bank(reproduced):
    workspace = reproduced[0]
    flags = f"--workspace_dir={workspace.root}", "--candidates=*-seed0-*", "--query_banks=train", "--query_banks=test"

    ended = call(ensemble, *flags)

    assert ended.returncode == 0, ended.stderr
    table = ResultTable.from_json((workspace.experiments_dir / "beyond.json").read_text())
    labels = [row.label.rstrip(STAND_IN_MARK) for row in table.rows if "bank of" in row.label]
    assert [label.rsplit(", ", 1)[1] for label in labels] == ["bank of training queries"] * 2 + [
        "bank of test queries"
    ] * 2
    assert "not to be compared with rows that answer each query alone" in ended.stdout
    measured = {path: path.stat().st_mtime_ns for path in workspace.run_dir("").glob("query_bank_*/metrics.json")}
    # An ensemble of the best row alone has that row's.
    plain = [row for row in table.rows if row.kind == OURS and "bank of" not in row.label]
    assert len(measured) == 2 * len({str(row.cells) for row in plain})
    assert call(ensemble, *flags).stdout == ended.stdout
    assert {path: path.stat().st_mtime_ns for path in measured} == measured


def test_a_comparator_is_a_row_as_ours_are_and_may_be_of_an_ensemble(reproduced):
    workspace, flags, _ = reproduced

    ended = call(reproduce, *flags, "--rows=cca_ngrams,single")
    both = call(ensemble, f"--workspace_dir={workspace.root}", "--candidates=cca_ngrams-*,single-*")

    assert (ended.returncode, both.returncode) == (0, 0), (ended.stderr, both.stderr)
    assert "2 trainings, 1 of them to do" in ended.stdout
    table = ResultTable.from_json((workspace.experiments_dir / "scenes-cca_ngrams-single-tiny.json").read_text())
    (row,) = (row for row in table.rows if row.label == "cca_ngrams")
    run = read_json(workspace.run_dir(row.runs[0]) / "metrics.json")
    assert row.cells[0].mean == run["test"]["sentence_retrieval"]["recall_at_1"]
    assert not row.still_rising
    assert "best row on validation: " in both.stdout


def test_runs_of_any_name_may_be_of_an_ensemble_and_those_without_weights_are_left_out(reproduced, tmp_path):
    workspace = Workspace(tmp_path / "workspace", "scenes")
    shutil.copytree(reproduced[0].root, workspace.root, ignore=shutil.ignore_patterns("query_bank*", "ensemble*"))
    (single,), (vse,) = (list(workspace.run_dir("").glob(f"{row}-seed0-????????")) for row in ("single", "vse_paper"))
    vse.rename(workspace.run_dir("mine"))
    shutil.copytree(workspace.run_dir("mine"), workspace.run_dir("mine_again"))
    (single / "best.weights.h5").unlink()

    ended = call(ensemble, f"--workspace_dir={workspace.root}", "--candidates=mine*,single")
    none = call(ensemble, f"--workspace_dir={workspace.root}", "--candidates=single")

    assert ended.returncode == 0, ended.stderr
    assert f"Left out, for they have neither weights nor scores: {single.name}." in ended.stdout
    assert "mine_again is left out: it has settings and seed of mine." in ended.stdout
    assert "best row on validation: mine, " in ended.stdout
    assert (none.returncode, none.stderr.count("\n")) == (1, 1)
    assert f"neither weights nor scores: {single.name}." in none.stderr


@pytest.mark.parametrize(
    ("command", "flags", "message"),
    [
        (reproduce, ["--rows=nothing"], "scenes/nothing is no flagfile"),
        (reproduce, ["--table=4"], "--table"),
        (reproduce, ["--overlay=nothing"], "nothing is no flagfile"),
        (reproduce, ["--table=1", "--overlay=stand_ins"], "--image_weights is missing"),
        (reproduce, ["--overlay={tmp_path}/wrong.flags"], "wrong.flags: flag --margin=7"),
        (ensemble, ["--candidates=nothing"], "has no finished run that --candidates=nothing names"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_is_written(tmp_path, command, flags, message):
    (tmp_path / "wrong.flags").write_text("--margin=7\n")
    workspace_dir = tmp_path / "workspace"

    ended = call(command, f"--workspace_dir={workspace_dir}", *(flag.format(tmp_path=tmp_path) for flag in flags))

    assert ended.returncode == 1
    assert not workspace_dir.exists()
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1
