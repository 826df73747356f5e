"""Indexing a folder: only what is new or changed is computed, whatever happened to the files."""

import errno
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import out_of_reach
import pytest
from colour_retriever import ColourRetriever, Killed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cmr.errors import CmrError, ConfigError, DataError, WorkspaceError
from cmr.gallery import thumbnails, updating
from cmr.gallery.place import Place
from cmr.gallery.searching import Gallery
from cmr.gallery.store import Store
from cmr.pictures import files


def save(path: pathlib.Path, number: int) -> None:
    """A plain picture; the number decides its content and its colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 7), (number * 37 % 256, number * 91 % 256, 1 + number * 53 % 255)).save(path, "PNG")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "photos"
    for number in range(6):
        save(made / f"{number}.png", number)
    return made


def index(folder, retriever=None, rebuild=False, model="model.cmr", gallery_dir=None):
    """What an update did, what it remarked, and how many pictures it computed."""
    place, remarks = Place.of(folder, gallery_dir), []
    with place.writing():
        store = updating.open_for_update(place, retriever or ColourRetriever(), model, "float32", rebuild)
        done = updating.update(store, place.pictures, retriever or ColourRetriever(), remarks.append)
        updating.finish(place, store, model)
        store.close()
    return done, remarks


def shown(folder) -> dict[str, tuple[float, ...]]:
    """Every file that a search finds, and its vector."""
    gallery = Gallery.open(folder)
    hits = gallery.search(np.ones(3, np.float32), top=1000)
    return {
        str(path.relative_to(folder)): tuple(np.round(gallery.embeddings[hit.row], 5).tolist())
        for hit in hits
        for path in (hit.path, *hit.copies)
    }


def expected(folder) -> dict[str, tuple[float, ...]]:
    """The same, computed anew."""
    retriever, vectors = ColourRetriever(), {}
    for path in sorted(folder.rglob("*.png")):
        (vector,) = retriever.embed_squares([retriever.squares(path)])
        vectors[str(path.relative_to(folder))] = tuple(np.round(vector, 5).tolist())
    return vectors


def test_the_first_time_every_picture_is_computed(folder):
    done, remarks = index(folder)

    assert (done.computed, done.recognised, done.gone, remarks) == (6, 0, 0, [])
    assert shown(folder) == expected(folder)


def test_given_again_it_computes_nothing(folder):
    index(folder)

    done, _ = index(folder)

    assert done.is_nothing
    assert done.unchanged == 6


def test_an_added_picture_alone_is_computed(folder):
    index(folder)
    save(folder / "below" / "new.png", 40)

    done, _ = index(folder)

    assert (done.computed, done.unchanged) == (1, 6)
    assert "below/new.png" in shown(folder)


def test_a_changed_picture_is_computed_again_and_its_old_vector_is_out(folder):
    index(folder)
    save(folder / "0.png", 41)
    os.utime(folder / "0.png", ns=(1, 1))

    done, _ = index(folder)

    assert done.computed == 1
    assert shown(folder) == expected(folder)


@pytest.mark.parametrize("new_name", ["renamed.png", "deep/down/0.png"])
def test_a_renamed_or_moved_picture_costs_nothing(folder, new_name):
    index(folder)
    (folder / new_name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "0.png").rename(folder / new_name)

    done, _ = index(folder)

    assert (done.computed, done.recognised, done.gone) == (0, 1, 1)
    assert shown(folder) == expected(folder)


def test_a_copy_costs_nothing_and_is_a_result_together_with_its_first(folder):
    index(folder)
    shutil.copy(folder / "0.png", folder / "copy.png")

    done, _ = index(folder)

    assert (done.computed, done.recognised) == (0, 1)
    gallery = Gallery.open(folder)
    assert (len(gallery), gallery.num_files) == (6, 7)


def test_a_touched_picture_costs_nothing(folder):
    index(folder)
    os.utime(folder / "0.png", ns=(5, 5))

    done, _ = index(folder)

    assert (done.computed, done.recognised, done.gone) == (0, 1, 0)


def test_a_folder_that_goes_away_and_comes_back_costs_nothing(folder, tmp_path):
    save(folder / "disk" / "a.png", 50)
    index(folder)
    (folder / "disk").rename(tmp_path / "unplugged")
    assert index(folder)[0].gone == 1
    assert "disk/a.png" not in shown(folder)
    (tmp_path / "unplugged").rename(folder / "disk")

    done, _ = index(folder)

    assert (done.computed, done.recognised) == (0, 1)
    assert shown(folder) == expected(folder)


@pytest.mark.parametrize("refuse", [out_of_reach.listings, out_of_reach.looks])
def test_what_lies_out_of_reach_stays_as_it_is(folder, monkeypatch, refuse):
    save(folder / "disk" / "a.png", 50)
    save(folder / "disk" / "b" / "a.png", 51)
    (folder / "disk" / "bad.png").touch()
    save(folder / "disk and more" / "a.png", 52)
    index(folder)
    shutil.rmtree(folder / "disk and more")
    out = list(folder.rglob("disk/**/*.png")) if refuse is out_of_reach.looks else [folder / "disk"]
    with monkeypatch.context() as patched:
        refuse(patched, *out, number=errno.EACCES)
        done, remarks = index(folder)

    assert (done.computed, done.gone, done.unchanged, done.still_unreadable) == (0, 1, 8, 1)
    assert [remark.startswith(f"{folder / 'disk'}") for remark in remarks] == [True] * len(out)
    assert shown(folder).keys() >= {"disk/a.png", "disk/b/a.png"}
    assert index(folder)[0].is_nothing


def test_a_search_passes_over_what_it_can_not_look_at(folder, monkeypatch):
    index(folder)
    out_of_reach.looks(monkeypatch, folder / "0.png", number=errno.EACCES)

    assert set(shown(folder)) == {f"{number}.png" for number in range(1, 6)}


def test_many_files_that_are_gone_or_back_are_written_in_commits_of_a_few(folder, tmp_path, monkeypatch):
    index(folder)
    (tmp_path / "away").mkdir()
    for number in range(5):
        (folder / f"{number}.png").rename(tmp_path / "away" / f"{number}.png")
    monkeypatch.setattr(updating, "_FILES_A_COMMIT", 2)
    sizes, commit = [], Store.commit
    monkeypatch.setattr(
        Store, "commit", lambda self, files, *others: (sizes.append(len(files)), commit(self, files, *others))
    )

    gone, _ = index(folder)
    without = shown(folder)
    for path in (tmp_path / "away").iterdir():
        path.rename(folder / path.name)
    back, _ = index(folder)

    assert (gone.gone, back.recognised, sizes) == (5, 5, [2, 2, 1] * 2)
    assert (list(without), shown(folder)) == (["5.png"], expected(folder))


def test_a_deleted_picture_is_out_of_the_results_before_the_next_update(folder):
    index(folder)
    (folder / "3.png").unlink()

    assert "3.png" not in shown(folder)
    assert len(shown(folder)) == 5


def test_an_unreadable_picture_is_named_once_and_stops_nothing(folder):
    (folder / "bad.jpg").write_bytes(b"\xff\xd8 no picture")
    (folder / "empty.png").touch()

    first, remarks = index(folder)
    second, again = index(folder)

    assert (first.computed, first.unreadable) == (6, 2)
    assert [str(folder / "bad.jpg") in remarks[0], remarks[1]] == [True, f"{folder / 'empty.png'} is empty"]
    assert (second.computed, second.unreadable, second.still_unreadable, again) == (0, 0, 2, [])


def raised_from(cause: BaseException) -> DataError:
    error = DataError("0.png can't be decoded")
    error.__cause__ = cause
    return error


# What reading a picture ends in -> whether the next run reads it again.
FAILURES = {
    "the disk": (OSError(errno.EIO, "Input/output error"), True),
    "open files": (raised_from(OSError(errno.EMFILE, "Too many open files")), True),
    "a file server": (raised_from(OSError(errno.ESTALE, "Stale file handle")), True),
    "memory": (MemoryError(), True),
    "memory, said": (raised_from(MemoryError()), True),
    "damage": (raised_from(OSError("image file is truncated")), False),
    "damage that leads before the file's beginning": (raised_from(OSError(errno.EINVAL, "Invalid argument")), False),
    "a decoder": (ZeroDivisionError(), False),
    "no picture": (DataError("0.png is empty"), False),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_picture_is_read_again_where_its_content_was_not_to_blame(folder, monkeypatch, failure):
    error, is_passing = FAILURES[failure]
    read = ColourRetriever.squares

    def fail(self, path):
        if path.name == "0.png":
            raise error
        return read(self, path)

    with monkeypatch.context() as patched:
        patched.setattr(ColourRetriever, "squares", fail)
        first, again = index(folder), index(folder)

    assert (first[0].computed, first[0].unreadable, len(first[1])) == (5, 1, 1)
    assert (again[0].unreadable, again[0].still_unreadable, again[1]) == (0, 1, [])
    assert index(folder)[0].computed == is_passing


def test_an_unreadable_picture_that_was_mended_is_computed(folder):
    (folder / "bad.png").write_bytes(b"no picture")
    index(folder)
    save(folder / "bad.png", 60)

    assert index(folder)[0].computed == 1
    assert shown(folder) == expected(folder)


def test_other_files_hidden_ones_and_the_index_itself_are_passed_over(folder):
    (folder / "notes.txt").write_text("no picture")
    save(folder / ".hidden" / "a.png", 61)
    save(folder / ".b.png", 62)

    done, remarks = index(folder)

    assert (done.computed, remarks) == (6, [])


def test_a_name_that_is_no_text_is_indexed(folder):
    odd = pathlib.Path(os.fsdecode(os.fsencode(folder) + b"/\xff\n.png"))
    save(odd, 63)

    index(folder)

    assert odd.name in shown(folder)


@pytest.mark.parametrize("pictures_before_the_kill", [0, 32, 64])
def test_a_killed_update_goes_on_from_its_last_commit(tmp_path, monkeypatch, pictures_before_the_kill):
    monkeypatch.setattr(updating, "_SECONDS_BETWEEN_COMMITS", 0.0)
    folder = tmp_path / "photos"
    for number in range(80):
        save(folder / f"{number}.png", number)
    with pytest.raises(Killed):
        index(folder, ColourRetriever(stops_after=pictures_before_the_kill))

    done, _ = index(folder)

    assert done.computed == 80 - pictures_before_the_kill
    assert shown(folder) == expected(folder)


def test_rows_that_a_killed_writer_left_behind_the_last_commit_are_dropped(folder):
    index(folder)
    with open(folder / ".cmr" / "index-1" / "embeddings.npy", "ab") as file:
        file.write(b"half a row")
    save(folder / "new.png", 64)

    index(folder)

    assert shown(folder) == expected(folder)
    assert np.load(folder / ".cmr" / "index-1" / "embeddings.npy").shape == (7, 3)


def test_a_search_that_began_before_an_update_ends_on_what_it_saw(folder):
    index(folder)
    gallery = Gallery.open(folder)
    save(folder / "new.png", 65)
    index(folder)

    assert len(gallery.search(np.ones(3, np.float32), top=100)) == 6


def test_another_model_is_refused_with_the_command_that_rebuilds(folder):
    index(folder)

    with pytest.raises(ConfigError, match=r"another model .*python -m cmr.index .* --model=other.cmr --rebuild"):
        index(folder, ColourRetriever("other"), model="other.cmr")
    assert len(shown(folder)) == 6


def test_the_old_index_can_be_searched_until_the_new_one_is_whole(folder, monkeypatch):
    index(folder)

    with pytest.raises(Killed):
        index(folder, ColourRetriever("other", stops_after=0), rebuild=True, model="other.cmr")
    assert len(shown(folder)) == 6
    assert Place.of(folder).read().model_checksum == "colours"

    index(folder, ColourRetriever("other"), rebuild=True, model="other.cmr")

    assert Place.of(folder).read().model_checksum == "other"
    assert [path.name for path in Place.of(folder).indexes()] == ["index-2"]


def test_a_rebuild_that_was_killed_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(updating, "_SECONDS_BETWEEN_COMMITS", 0.0)
    folder = tmp_path / "photos"
    for number in range(40):
        save(folder / f"{number}.png", number)
    index(folder)
    with pytest.raises(Killed):
        index(folder, ColourRetriever("other", stops_after=32), rebuild=True)

    done, _ = index(folder, ColourRetriever("other"), rebuild=True)

    assert done.computed == 8


def test_a_second_writer_is_refused(folder):
    with Place.of(folder).writing(), pytest.raises(WorkspaceError, match=r"is being written by process"):
        index(folder)


def test_a_gallery_may_lie_elsewhere_and_knows_its_pictures(folder, tmp_path):
    index(folder, gallery_dir=tmp_path / "gallery")

    assert not (folder / ".cmr").exists()
    assert Gallery.open(gallery_dir=tmp_path / "gallery").place.pictures == folder


@pytest.mark.parametrize("name", ["photos", "model"])
def test_a_path_that_gallery_json_can_not_name_is_refused_before_anything_is_written(folder, tmp_path, name):
    odd = pathlib.Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    if name == "photos":
        folder = folder.rename(odd)
    model = str(odd / "a.cmr") if name == "model" else "model.cmr"

    with pytest.raises(WorkspaceError, match=r"caf.* is not UTF-8, so gallery\.json can't name it; rename it"):
        index(folder, gallery_dir=tmp_path / "gallery", model=model)
    assert not (tmp_path / "gallery").exists()


def test_below_pictures_of_such_a_path_a_gallery_may_lie(folder, tmp_path):
    odd = folder.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))

    index(odd)

    assert len(shown(odd)) == 6


def test_a_gallery_may_lie_among_its_pictures(folder):
    gallery_dir = folder / "gallery"
    index(folder, gallery_dir=gallery_dir)
    gallery = Gallery.open(gallery_dir=gallery_dir)
    for row in range(6):
        thumbnails.thumbnail(gallery, row)

    assert index(folder, gallery_dir=gallery_dir)[0].is_nothing


def test_the_index_of_another_folder_is_neither_searched_nor_replaced(folder, tmp_path):
    gallery_dir, other = tmp_path / "gallery", tmp_path / "other"
    index(folder, gallery_dir=gallery_dir)
    save(other / "0.png", 77)
    before = (gallery_dir / "gallery.json").read_bytes()

    for use in (lambda: index(other, gallery_dir=gallery_dir), lambda: Gallery.open(other, gallery_dir)):
        with pytest.raises(WorkspaceError, match=r"holds the index of .*photos, not of .*other; give another"):
            use()
    assert (gallery_dir / "gallery.json").read_bytes() == before

    folder.rename(tmp_path / "renamed")
    done, _ = index(tmp_path / "renamed", gallery_dir=gallery_dir)
    assert done.is_nothing


def test_a_commit_that_was_cut_short_is_taken_back_before_a_search(folder):
    index(folder)
    database = folder / ".cmr" / "index-1" / "gallery.sqlite"
    script = f"""
import os, sqlite3
database = sqlite3.connect({str(database)!r})
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN IMMEDIATE")
# Pages are spilled to the file before the commit, and their old content lies in the journal.
database.execute("UPDATE pictures SET reason = hex(randomblob(3000))")
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == 9
    assert database.with_name("gallery.sqlite-journal").exists()

    assert shown(folder) == expected(folder)
    assert not database.with_name("gallery.sqlite-journal").exists()


@pytest.mark.parametrize("keeps", [0.5, 0.0, None])
def test_an_index_that_lacks_rows_is_refused_by_writers_too(folder, keeps):
    index(folder)
    rows = folder / ".cmr" / "index-1" / "embeddings.npy"
    if keeps is None:
        rows.unlink()
    else:
        os.truncate(rows, int(rows.stat().st_size * keeps))
    save(folder / "new.png", 66)

    for use in (shown, index):
        with pytest.raises(WorkspaceError, match=r"embeddings\.npy is missing or too short; remove .* run cmr\.index"):
            use(folder)


def test_a_picture_that_another_reader_refused_is_read_again(folder, monkeypatch):
    monkeypatch.setattr(files, "_formats", lambda: ("JPEG",))
    done, remarks = index(folder)
    assert (done.computed, len(remarks)) == (0, 6)
    monkeypatch.undo()

    assert index(folder)[0].computed == 6


def test_a_folder_may_be_moved_with_its_index(folder, tmp_path):
    index(folder)
    folder.rename(tmp_path / "moved")

    done, _ = index(tmp_path / "moved")

    assert done.is_nothing
    assert shown(tmp_path / "moved") == expected(tmp_path / "moved")


@pytest.mark.parametrize("name", ["gallery.json", "index-1/index.json", "index-1/gallery.sqlite"])
def test_a_damaged_index_is_refused_with_the_mend(folder, name):
    index(folder)
    (folder / ".cmr" / name).write_bytes(b"damaged")

    with pytest.raises(CmrError, match=r"remove .* run cmr.index again"):
        shown(folder)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["write", "delete", "move", "copy", "index"]), st.integers(0, 4), st.integers(0, 4)),
        max_size=12,
    )
)
def test_whatever_happens_to_the_files_the_index_is_that_of_the_folder(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("photos")
    seen, retriever = set(), ColourRetriever()
    for number, (step, first, second) in enumerate([*steps, ("index", 0, 0)]):
        one, other = folder / f"{first}.png", folder / f"{second}.png"
        if step == "write":
            save(one, second)
            # Times differ as they do where a person is at work.
            os.utime(one, ns=(number, number))
        elif step == "delete":
            one.unlink(missing_ok=True)
        elif step == "move" and one.exists():
            one.rename(other)
        elif step == "copy" and one.exists() and first != second:
            shutil.copy(one, other)
            os.utime(other, ns=(number, number))
        elif step == "index":
            seen |= {path.read_bytes() for path in folder.glob("*.png")}
            index(folder, retriever)

    assert shown(folder) == expected(folder)
    assert retriever.computed == len(seen)
