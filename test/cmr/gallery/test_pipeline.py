"""An index that the workers of a pipeline fill: row by row that of the plain command."""

import functools
import os
import pathlib
import shutil
import sqlite3

import pytest

pytest.importorskip("apache_beam", reason="Apache Beam (the extra beam) is not installed")

import tiny_runs
from colour_retriever import ColourRetriever, Killed
from PIL import Image

from cmr.errors import WorkspaceError
from cmr.gallery import updating
from cmr.gallery.pipeline import PipelineStream
from cmr.gallery.place import Place
from cmr.pipelines import running
from cmr.pipelines.runners import Runner

DIRECT = Runner("DirectRunner")


@pytest.fixture
def folder(tmp_path):
    """Pictures, some of one content, some that are none, one whose name is no text."""
    made = tmp_path / "photos"
    (made / "deep").mkdir(parents=True)
    for number in range(21):
        save(made / f"{number}.png", number)
    save(made / os.fsdecode(b"caf\xe9.png"), 40)
    shutil.copy(made / "9.png", made / "deep" / "copy.png")
    shutil.copy(made / "9.png", made / "0_copy.png")
    (made / "empty.jpg").touch()
    return made


def save(path: pathlib.Path, number: int) -> None:
    Image.new("RGB", (9, 7), (number * 37 % 256, number * 91 % 256, 1 + number * 53 % 255)).save(path, "PNG")


def index(folder, gallery_dir, runner=None, checksum="colours"):
    """What an update did and remarked, and everything in the index then."""
    place, remarks = Place.of(folder, gallery_dir), []
    retriever = ColourRetriever(checksum)
    with place.writing():
        store = updating.open_for_update(place, retriever, "model.cmr", "float32", False)
        stream = PipelineStream(runner, store.folder, folder, ColourRetriever, checksum, 3) if runner else None
        done = updating.update(store, folder, retriever, remarks.append, stream=stream)
        updating.finish(place, store, "model.cmr")
        if stream:
            stream.forget()
        embeddings = store.embeddings().copy()
        store.close()
    assert retriever.computed == 0 or runner is None
    counts = done.computed, done.recognised, done.gone, done.unreadable, done.still_unreadable, done.unchanged
    with sqlite3.connect(gallery_dir / "index-1" / "gallery.sqlite") as database:
        files = database.execute("SELECT * FROM pictures ORDER BY path").fetchall()
        contents = database.execute("SELECT * FROM contents ORDER BY row").fetchall()
    return counts, sorted(remarks), files, contents, embeddings.tolist()


def test_the_index_is_that_of_the_plain_command(folder, tmp_path, portable):
    plain = index(folder, tmp_path / "plain")

    assert index(folder, tmp_path / "made", portable) == plain
    assert plain[0] == (22, 2, 0, 1, 0, 0)
    assert sorted(path.name for path in (tmp_path / "made" / "index-1").iterdir()) == [
        "embeddings.npy",
        "gallery.sqlite",
        "index.json",
    ]


def test_after_changes_too(folder, tmp_path):
    index(folder, tmp_path / "plain")
    index(folder, tmp_path / "made", DIRECT)
    (folder / "3.png").rename(folder / "deep" / "moved.png")
    (folder / "4.png").unlink()
    save(folder / "5.png", 50)
    save(folder / "empty.jpg", 51)
    shutil.copy(folder / "7.png", folder / "8.png")
    os.utime(folder / "10.png", ns=(1, 1))

    assert index(folder, tmp_path / "made", DIRECT) == index(folder, tmp_path / "plain")


def test_what_workers_had_done_before_a_stop_is_taken_and_what_changed_meanwhile_is_not(folder, tmp_path, monkeypatch):
    def stop(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(PipelineStream, "_batches", stop)
        with pytest.raises(Killed):
            index(folder, tmp_path / "made", DIRECT)
    # The first of three files of one content goes, after it was embedded for all of them.
    save(folder / "0_copy.png", 60)
    os.utime(folder / "0_copy.png", ns=(1, 1))
    run, asked = running.run, []
    monkeypatch.setattr(running, "run", lambda runner, build: asked.append(True) or run(runner, build))

    assert index(folder, tmp_path / "made", DIRECT) == index(folder, tmp_path / "plain")
    assert asked == [True]


def test_with_nothing_new_no_pipeline_is_run(folder, tmp_path, monkeypatch):
    index(folder, tmp_path / "made", DIRECT)
    monkeypatch.delattr(running, "run")

    (counts, *_) = index(folder, tmp_path / "made", DIRECT)

    assert counts == (0, 0, 0, 0, 1, 24)


def test_a_worker_with_another_model_says_so(folder, tmp_path):
    with pytest.raises(WorkspaceError, match=r"a worker has another model at .* than the command"):
        stream = PipelineStream(DIRECT, tmp_path / "made", folder, functools.partial(Named, "others"), "colours", 3)
        stream([folder / "0.png"], set())


class Named(ColourRetriever):
    """A retriever whose parts have a name, as those of a model have."""

    @property
    def parts(self):
        parts = super().parts
        parts.name = "/models/a.cmr"
        return parts


def test_watching_is_no_work_for_a_pipeline(folder):
    ended = tiny_runs.call_command("cmr.index", folder, "--runner=direct", "--watch")

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: --watch looks again every ten seconds, which is no work for a pipeline;")
    assert ended.stderr.count("\n") == 1
