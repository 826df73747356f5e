"""A gallery that is searched while it is indexed."""

import colour_words
import pytest
from colour_words import ColourWords

from cmr.gallery import updating
from cmr.gallery.place import Place
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
