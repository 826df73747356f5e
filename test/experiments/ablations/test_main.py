"""The command trains what is missing and writes the comparison; cmr.train is a script of a few lines here."""

import pathlib

import pytest
from commands import ROOT
from tiny_runs import read_json, run_main

from experiments.ablations import __main__ as ablations
from experiments.trainings.training import Training

FAKE = """
import pathlib, sys
sys.path[:0] = {paths!r}
import finished_runs
from cmr.workspace.runs import Run
given = dict(argument[2:].partition("=")[::2] for argument in sys.argv[1:])
with open({record!r}, "a") as record:
    record.write(given["run_name"] + "\\n")
run = Run(pathlib.Path(given["workspace_dir"]) / "scenes" / "runs" / given["run_name"])
finished_runs.write(run, int(given["seed"]))
"""
MADE = (
    "dataset.json",
    "features/scene_cnn-objects/extractor.json",
    "features/scene_cnn-layout/extractor.json",
    "captioner/captioner.json",
)


@pytest.fixture
def record(tmp_path, monkeypatch) -> pathlib.Path:
    """A file with the name of each run that was started, in a prepared workspace."""
    path = tmp_path / "started.txt"
    path.touch()
    paths = [str(ROOT), str(ROOT / "test" / "support")]
    (tmp_path / "fake_train.py").write_text(FAKE.format(paths=paths, record=str(path)))
    monkeypatch.setattr(Training, "command", "fake_train")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for made in MADE:
        (tmp_path / "scenes" / made).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "scenes" / made).touch()
    return path


def command(workspace_dir, *arguments):
    place = (f"--workspace_dir={workspace_dir}", "--row=scenes/fusion", "--seeds=1")
    return run_main(ablations.main, *place, *arguments, groups=ablations.GROUPS)


def started(record):
    return [name.partition("-seed")[0] for name in record.read_text().split()]


def test_the_baseline_and_the_variants_are_trained_compared_and_written(record, tmp_path):
    ended = command(tmp_path, "--overlay=ablations/embedding_linear", "--variants=margin_02,embedding_linear")

    assert ended.returncode == 0, ended.stderr
    assert started(record) == ["fusion", "margin_02"]
    assert "embedding_linear is left out: it trains what fusion trains." in ended.stdout
    assert "no difference found" in ended.stdout
    written = read_json(tmp_path / "scenes" / "experiments" / "ablations.json")
    assert [each["name"] for each in written["comparisons"]] == ["fusion", "margin_02"]


def test_a_killed_ablation_goes_on_where_it_was(record, tmp_path):
    command(tmp_path, "--variants=margin_02")
    record.write_text("")

    ended = command(tmp_path, "--variants=margin_02,gru_reset_after")

    assert ended.returncode == 0, ended.stderr
    assert started(record) == ["gru_reset_after"]


def test_a_dry_run_prints_the_commands_and_trains_nothing(record, tmp_path):
    ended = command(tmp_path, "--variants=margin_02", "--dry_run")

    assert ended.stdout.count("python -m fake_train ") == 2
    assert "0 preparations and 2 of 2 trainings to do" in ended.stdout
    assert started(record) == []


def test_an_unknown_variant_is_one_line(record, tmp_path):
    ended = command(tmp_path, "--variants=margin_3")

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: --variants: margin_3 is unknown; choose from negatives_batch, ")
    assert ended.stderr.count("\n") == 1
