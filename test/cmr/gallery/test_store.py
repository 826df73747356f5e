"""What the database of an index can't do is told in a sentence."""

import contextlib
import sqlite3

import colour_words
import pytest

from cmr.errors import WorkspaceError
from cmr.gallery import store
from cmr.gallery.searching import Gallery


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_SECONDS_TO_WAIT", 0)
    colour_words.save(tmp_path / "red.png", "red")
    return colour_words.index(tmp_path)


@contextlib.contextmanager
def locked(gallery):
    with contextlib.closing(sqlite3.connect(gallery.store.folder / store.GALLERY_SQLITE)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield


READS = {
    "known": lambda index: index.known(),
    "known_file": lambda index: index.known_file(b"red.png"),
    "files": lambda index: list(index.files()),
    "shown_contents": lambda index: index.shown_contents(),
    "rows_of_contents": lambda index: index.rows_of_contents(),
    "hidden_rows": lambda index: index.hidden_rows(),
    "paths_of_row": lambda index: index.paths_of_row(0),
    "content_of_row": lambda index: index.content_of_row(0),
    "has_changed": lambda index: index.has_changed(),
}


@pytest.mark.parametrize("name", READS)
def test_a_locked_database_is_told_in_a_sentence_and_is_not_called_damaged(gallery, name):
    with locked(gallery), pytest.raises(WorkspaceError, match=r"gallery\.sqlite can't be used now .* wait until"):
        READS[name](gallery.store)


def test_a_database_that_is_locked_at_its_opening_is_told_likewise(gallery):
    with locked(gallery), pytest.raises(WorkspaceError, match=r"can't be used now \(database is locked\); wait until"):
        Gallery.open(gallery.place.pictures)


def test_a_full_disk_is_told_with_its_mend(gallery):
    writer = store.Store(gallery.store.folder, writable=True)
    writer._database.execute("PRAGMA max_page_count = 1")
    known = store.Known(1, 1, b"", store.UNREADABLE, "x" * 100_000)

    with pytest.raises(WorkspaceError, match=r"database or disk is full.* free some space on the disk"):
        writer.commit([(b"new.png", known)])
    assert writer.known_file(b"new.png") is None


def test_what_is_committed_between_the_opening_and_the_first_look_is_a_change(gallery):
    opened = store.Store(gallery.store.folder)
    colour_words.save(gallery.place.pictures / "green.png", "green")
    colour_words.index(gallery.place.pictures).close()

    assert opened.has_changed()
    assert not store.Store(gallery.store.folder).has_changed()
