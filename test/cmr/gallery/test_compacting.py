"""Rows of deleted and changed pictures are reclaimed, whenever the process is killed meanwhile."""

import contextlib
import errno
import os
import pathlib

import numpy as np
import out_of_reach
import pytest
from colour_retriever import ColourRetriever
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cmr.gallery import compacting, streaming, thumbnails, updating
from cmr.gallery.place import Place
from cmr.gallery.searching import Gallery
from cmr.gallery.store import ANN_JSON, Store
from cmr.workspace import atomic_files


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(compacting, "_LEAST_DEAD", 2)
    monkeypatch.setattr(compacting, "_ROWS_AT_ONCE", 2)


def save(folder: pathlib.Path, *numbers: int) -> pathlib.Path:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        colour = (number * 37 % 256, number * 91 % 256, 1 + number * 53 % 255)
        Image.new("RGB", (9, 7), colour).save(folder / f"{number}.png")
    return folder


def delete(folder: pathlib.Path, *numbers: int) -> None:
    for number in numbers:
        (folder / f"{number}.png").unlink()


def index(folder: pathlib.Path, checksum: str = "colours", rebuild: bool = False) -> int:
    """Brings the index up to date as cmr.index does; returns how many pictures were computed."""
    place, retriever = Place.of(folder), ColourRetriever(checksum)
    with place.writing():
        store = updating.open_for_update(place, retriever, "model.cmr", "float32", rebuild)
        done = updating.update(store, place.pictures, retriever, lambda remark: None)
        updating.finish(place, store, "model.cmr")
        updating.reclaim(place, store, "model.cmr", done.dead)[0].close()
    return retriever.computed


def index_twice(folder: pathlib.Path) -> None:
    """What the first run misses the second may reclaim."""
    index(folder)
    index(folder)


def shown(folder: pathlib.Path) -> dict[str, list[float]]:
    """Every file that a search finds, and its vector."""
    with contextlib.closing(Gallery.open(folder)) as gallery:
        hits = gallery.search(np.ones(3, np.float32), top=1000)
        return {path.name: gallery.embeddings[hit.row].tolist() for hit in hits for path in (hit.path, *hit.copies)}


def num_rows(folder: pathlib.Path) -> int:
    with contextlib.closing(Gallery.open(folder)) as gallery:
        return len(gallery.embeddings)


def names(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in (folder / ".cmr").iterdir())


def test_a_third_stays_and_more_is_reclaimed(tmp_path):
    folder = save(tmp_path / "photos", *range(9))
    index(folder)
    delete(folder, 0, 4, 8)
    index_twice(folder)
    assert (num_rows(folder), names(folder)) == (9, ["gallery.json", "index-1"])
    before = shown(folder)

    delete(folder, 1)
    index_twice(folder)

    assert (num_rows(folder), names(folder)) == (5, ["gallery.json", "index-2"])
    del before["1.png"]
    assert shown(folder) == before
    assert np.load(folder / ".cmr" / "index-2" / "embeddings.npy").shape == (5, 3)


def test_few_rows_are_not_worth_it(tmp_path, monkeypatch):
    monkeypatch.setattr(compacting, "_LEAST_DEAD", 3)
    folder = save(tmp_path / "photos", 0, 1, 2)
    index(folder)
    delete(folder, 0, 1)

    index_twice(folder)

    assert num_rows(folder) == 3


def test_a_picture_that_was_reclaimed_and_is_back_is_computed_again(tmp_path):
    folder = save(tmp_path / "photos", *range(4))
    index(folder)
    stamp = (folder / "0.png").stat().st_mtime_ns
    delete(folder, 0, 1)
    index_twice(folder)
    save(folder, 0)
    os.utime(folder / "0.png", ns=(stamp, stamp))

    assert index(folder) == 1
    assert set(shown(folder)) == {"0.png", "2.png", "3.png"}


def test_a_changed_pictures_old_row_is_reclaimed_and_a_copy_of_the_old_keeps_its(tmp_path):
    folder = save(tmp_path / "photos", 0, 1, 2)
    index(folder)
    for number in (0, 1):
        (folder / f"{number}.png").rename(folder / f"old-{number}.png")
        save(folder, 10 + number)
        (folder / f"{10 + number}.png").rename(folder / f"{number}.png")
    (folder / "old-1.png").unlink()
    delete(folder, 2)

    index_twice(folder)

    assert set(shown(folder)) == {"0.png", "1.png", "old-0.png"}
    assert num_rows(folder) == 3


def test_an_empty_mount_point_costs_nothing_when_its_disk_is_back(tmp_path):
    folder = save(tmp_path / "photos", 9)
    save(folder / "disk", *range(6))
    index(folder)
    (folder / "disk").rename(tmp_path / "away")
    (folder / "disk").mkdir()
    index(folder)
    (folder / "disk").rmdir()
    (tmp_path / "away").rename(folder / "disk")

    assert index(folder) == 0
    assert (len(shown(folder)), num_rows(folder)) == (7, 7)


def test_a_run_that_could_not_look_everywhere_reclaims_nothing(tmp_path, monkeypatch):
    folder = save(tmp_path / "photos", *range(6))
    save(folder / "locked", 9)
    index(folder)
    delete(folder, 0, 1, 2, 3)
    index(folder)
    with monkeypatch.context() as patched:
        out_of_reach.listings(patched, folder / "locked", number=errno.EIO)
        index(folder)
    assert (num_rows(folder), set(shown(folder))) == (7, {"4.png", "5.png", "9.png"})

    index(folder)

    assert num_rows(folder) == 3


def test_thumbnails_of_what_is_reclaimed_and_half_written_ones_are_removed(tmp_path):
    folder = save(tmp_path / "photos", *range(4))
    index(folder)
    with contextlib.closing(Gallery.open(folder)) as gallery:
        for row in range(4):
            thumbnails.thumbnail(gallery, row)
        kept = {f"{streaming.content_sha256(folder / name).hex()}.jpg" for name in ("2.png", "3.png")}
    (gallery.place.thumbnails / ".1.tmp.00.jpg").touch()
    delete(folder, 0, 1)

    index_twice(folder)

    assert {path.name for path in gallery.place.thumbnails.iterdir()} == kept


def test_a_search_that_began_before_goes_on_on_what_it_saw(tmp_path):
    folder = save(tmp_path / "photos", *range(6))
    index(folder)
    gallery = Gallery.open(folder)
    delete(folder, 0, 1, 2)

    index_twice(folder)

    assert num_rows(folder) == 3
    found = {hit.path.name for hit in gallery.search(np.ones(3, np.float32), top=10)}
    assert found == {"3.png", "4.png", "5.png"}
    assert gallery.store.content_of_row(0)


def test_a_search_that_read_gallery_json_before_opens_the_index_that_followed(tmp_path, monkeypatch):
    folder = save(tmp_path / "photos", *range(6))
    index(folder)
    place, old = Place.of(folder), Place.of(folder).read()
    delete(folder, 0, 1, 2)
    index_twice(folder)
    read = iter([old])
    plain = Place.read
    monkeypatch.setattr(Place, "read", lambda self: next(read, None) or plain(self))

    assert len(Gallery.open(place.pictures)) == 3


def test_an_approximate_index_keeps_its_rows_unless_it_is_built_anew(tmp_path):
    folder = save(tmp_path / "photos", *range(4))
    index(folder)
    (folder / ".cmr" / "index-1" / ANN_JSON).write_text("{}")
    delete(folder, 0, 1)

    index_twice(folder)

    assert num_rows(folder) == 4
    place = Place.of(folder)
    store = Store(place.folder / "index-1", writable=True)
    compacted, gone = updating.reclaim(place, store, "model.cmr", store.hidden_rows(), keeps_approximate=False)
    compacted.close()
    assert (gone, num_rows(folder)) == (2, 2)


# All that a compaction does to the disk: what comes before and behind each of these is a state that a kill can leave.
STEPS = (
    (Store, "create"),
    (Store, "commit"),
    (atomic_files, "_sync"),
    (pathlib.Path, "rename"),
    (Place, "write"),
    (os, "replace"),
    (atomic_files.shutil, "rmtree"),
)


def killed_at(moment: int, work) -> bool:
    """Does work in a process that is killed at a moment, counted over the steps; returns whether it was."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = [moment]

    def pass_moment():
        if left[0] == 0:
            os._exit(9)
        left[0] -= 1

    def counted(function):
        def call(*arguments, **named):
            pass_moment()
            result = function(*arguments, **named)
            pass_moment()
            return result

        return call

    try:
        for place, name in STEPS:
            function = counted(getattr(place, name))
            setattr(place, name, staticmethod(function) if name == "create" else function)
        work()
        os._exit(0)
    finally:
        # An assertion in a child must not run the parent's tests again.
        os._exit(1)


def test_a_kill_at_any_moment_leaves_an_index_that_is_whole(tmp_path):
    moment, went_on = 0, True
    while went_on:
        folder = save(tmp_path / f"photos-{moment}", *range(6))
        index(folder)
        expected = {name: vector for name, vector in shown(folder).items() if name in ("1.png", "4.png")}
        delete(folder, 0, 2, 3, 5)
        index(folder)

        went_on = killed_at(moment, lambda folder=folder: index(folder))

        assert shown(folder) == expected, moment
        assert index(folder) == 0, moment
        assert shown(folder) == expected, moment
        assert num_rows(folder) == 2, moment
        assert len(names(folder)) == 2, (moment, names(folder))
        moment += 1
    # Every step was met, from both sides.
    assert moment > 2 * len(STEPS)


def test_an_index_that_is_being_built_for_another_model_stays(tmp_path):
    folder = save(tmp_path / "photos", *range(6))
    index(folder)
    place = Place.of(folder)
    other = Store.create(place.folder / "index-2", updating.Rows("other", 3, "float32"))
    other.close()

    index(folder)

    assert names(folder) == ["gallery.json", "index-1", "index-2"]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["write", "delete", "index"]), st.integers(0, 5)), max_size=14))
def test_whatever_happens_to_the_files_few_rows_are_dead(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("photos")
    for step, number in [*steps, ("index", 0), ("index", 0)]:
        if step == "write":
            save(folder, number)
        elif step == "delete" and (folder / f"{number}.png").exists():
            delete(folder, number)
        elif step == "index":
            index(folder)

    assert set(shown(folder)) == {path.name for path in folder.glob("*.png")}
    with contextlib.closing(Gallery.open(folder)) as gallery:
        dead = len(gallery.hidden)
        assert dead < 2 or dead <= len(gallery.embeddings) / 3
