"""A gallery that is searched while it is indexed."""

import subprocess
import sys

import colour_words
import pytest
import served_sites
from colour_words import ColourWords

from cmr.errors import WorkspaceError
from cmr.gallery import updating
from cmr.gallery.place import Place
from cmr.gallery.searching import Gallery
from cmr.gallery.store import Store
from cmr.serving.web import live_gallery
from cmr.serving.web.live_gallery import LiveGallery


@pytest.fixture
def live(folder, monkeypatch):
    monkeypatch.setattr(live_gallery, "_SECONDS_BETWEEN_LOOKS", 0)
    return LiveGallery(colour_words.index(folder))


def size(live) -> int:
    with live.opened() as gallery:
        return len(gallery)


def test_what_is_indexed_meanwhile_is_there_at_the_next_look(live, folder):
    colour_words.save(folder / "new.png", (1, 2, 3))
    assert size(live) == 5
    colour_words.index(folder).close()

    assert size(live) == 6


def test_who_searches_keeps_what_was_opened_until_the_end(live, folder):
    colour_words.save(folder / "new.png", (1, 2, 3))
    with live.opened() as before:
        colour_words.index(folder).close()
        with live.opened() as after:
            assert (len(before), len(after)) == (5, 6)
        assert before.store.num_rows() == 6
        assert len(before) == 5
    with pytest.raises(Exception, match="closed"):
        before.store.num_rows()


def test_without_a_change_the_same_stays_open(live):
    with live.opened() as first, live.opened() as second:
        assert first is second


def test_rows_of_another_model_are_not_searched(live, folder):
    other = ColourWords(checksum="other")
    place = Place.of(folder)
    with place.writing():
        store = updating.open_for_update(place, other, "other.cmr", "float16", rebuild=True)
        updating.update(store, place.pictures, other, print)
        updating.finish(place, store, "other.cmr")
        store.close()

    with live.opened() as gallery:
        assert gallery.description.model == "colours.cmr"
        assert len(gallery) == 5
    assert live.has_other_model


def test_a_writer_is_seen_and_its_end_too(live, folder):
    assert not live.is_being_indexed
    with Place.of(folder).writing():
        assert live.is_being_indexed
    assert not live.is_being_indexed


def test_a_gallery_that_is_removed_is_searched_as_it_was(live, folder):
    (folder / ".cmr" / "gallery.json").unlink()

    assert size(live) == 5


def test_what_was_indexed_between_the_opening_of_the_gallery_and_the_servers_is_seen(folder, monkeypatch):
    monkeypatch.setattr(live_gallery, "_SECONDS_BETWEEN_LOOKS", 0)
    opened = colour_words.index(folder)
    colour_words.save(folder / "new.png", (1, 2, 3))
    colour_words.index(folder).close()

    assert size(LiveGallery(opened)) == 6


def test_what_is_indexed_while_it_is_opened_anew_is_seen_at_the_next_look(live, folder, monkeypatch):
    colour_words.save(folder / "new.png", (1, 2, 3))
    colour_words.index(folder).close()
    hidden_rows = Store.hidden_rows

    def index_meanwhile(store):
        monkeypatch.setattr(Store, "hidden_rows", hidden_rows)
        colour_words.save(folder / "newer.png", (3, 2, 1))
        colour_words.index(folder).close()
        return hidden_rows(store)

    monkeypatch.setattr(Store, "hidden_rows", index_meanwhile)

    assert size(live) == 6
    assert size(live) == 7


_KILLED_IN_ITS_COMMIT = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN IMMEDIATE")
# Pages are spilled to the file before the commit, and their old content lies in the journal.
database.execute("UPDATE pictures SET reason = hex(randomblob(3000))")
os._exit(9)
"""


def kill_a_writer(folder) -> None:
    database = folder / ".cmr" / "index-1" / "gallery.sqlite"
    assert subprocess.run([sys.executable, "-c", _KILLED_IN_ITS_COMMIT, database]).returncode == 9
    assert database.with_name("gallery.sqlite-journal").exists()


def test_half_a_commit_of_a_writer_that_was_killed_is_taken_back_and_the_search_goes_on(live, folder):
    kill_a_writer(folder)

    with live.opened() as gallery:
        assert [path.name for path in gallery.files_of_row(0)] == ["blue.png"]
        assert len(gallery) == 5


def test_until_then_pages_and_programs_are_told_in_a_sentence(folder):
    client = served_sites.client_of(served_sites.site_of(folder))
    kill_a_writer(folder)

    for address in ("/?q=red", "/api/search?q=red"):
        answer = client.get(address)
        assert answer.status_code == 503
        assert "be read now (attempt to write a readonly database)" in answer.text


def test_a_page_that_says_what_is_wrong_needs_no_gallery(folder, monkeypatch):
    site = served_sites.site_of(folder)

    def refuse(_):
        raise WorkspaceError("the shards can't be read")

    monkeypatch.setattr(Gallery, "says_what_is_missing", refuse)

    answer = served_sites.client_of(site).get("/?q=red")

    assert (answer.status_code, answer.text) == (503, "the shards can't be read\n")
