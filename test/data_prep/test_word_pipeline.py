"""Words that the workers of a pipeline count: the data set's files are byte by byte those of the plain command."""

import pytest

pytest.importorskip("apache_beam", reason="Apache Beam (the extra beam) is not installed")

import tiny_flickr8k
from tiny_runs import call_command

from cmr.errors import WorkspaceError
from cmr.pipelines import running
from cmr.pipelines.runners import Runner
from cmr.workspace import captions
from cmr.workspace.paths import Workspace
from data_prep import word_counts, word_pipeline


@pytest.fixture
def prepare(tmp_path):
    raw = tiny_flickr8k.make_flickr8k(tmp_path / "raw")

    def run(name, *arguments):
        place = "--dataset=flickr8k", f"--workspace_dir={tmp_path / name}", f"--data_dir={raw}"
        return call_command("data_prep.prepare", *place, *arguments), Workspace(tmp_path / name, "flickr8k")

    return run


def test_the_files_are_those_of_the_plain_command(prepare, portable):
    plain, plainly = prepare("plain")
    made, by_workers = prepare("made", "--runner=portable", f"--runner_options={' '.join(portable.options)}")

    assert (plain.returncode, made.returncode) == (0, 0), made.stderr
    assert made.stdout == plain.stdout.replace(str(plainly.root), str(by_workers.root))
    written = {path.name: path.read_bytes() for path in by_workers.dataset_dir.iterdir()}
    assert written == {path.name: path.read_bytes() for path in plainly.dataset_dir.iterdir()}


def test_many_batches_are_counted_once_each(prepare, tmp_path, monkeypatch):
    _, workspace = prepare("plain")
    rows = captions.read_captions(workspace.captions_csv)
    monkeypatch.setattr(word_pipeline, "_SENTENCES_AT_ONCE", 2)

    counted = word_pipeline.count(rows, Runner("DirectRunner"), tmp_path)

    assert counted == word_counts.count(rows)
    assert not list(tmp_path.glob("pipeline-*"))


def test_an_engine_that_loses_or_doubles_sentences_is_not_believed(prepare, tmp_path, monkeypatch):
    _, workspace = prepare("plain")
    rows = captions.read_captions(workspace.captions_csv)
    monkeypatch.setattr(running, "run", lambda runner, build: None)

    with pytest.raises(WorkspaceError, match=r"train\.json is missing; it must lie on a disk that the workers share"):
        word_pipeline.count(rows, Runner("DirectRunner"), tmp_path)
    assert not list(tmp_path.glob("pipeline-*"))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--dataset=scenes", "--runner=direct"], "--dataset=scenes is drawn here in a moment"),
        (["--runner=DaskRunner"], "--runner=DaskRunner gives an empty result without an error"),
        (["--runner_options=--x=y"], "--runner_options are of a pipeline; give --runner with them"),
    ],
)
def test_what_is_no_work_for_a_pipeline_is_one_sentence(tmp_path, flags, said):
    ended = call_command("data_prep.prepare", f"--workspace_dir={tmp_path}", *flags)

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {said}")
    assert ended.stderr.count("\n") == 1
