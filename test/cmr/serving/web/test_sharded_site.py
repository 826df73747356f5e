"""A site of a gallery in shards answers as that of one index, and follows what becomes of the shards."""

import colour_words
import pytest
import served_sites

from cmr.gallery import merging
from cmr.gallery.place import Place
from cmr.serving.web import live_gallery
from cmr.workspace import shards
from cmr.workspace.shards import Shard

COUNT = 3


@pytest.fixture
def sharded(folder, tmp_path, monkeypatch):
    """The site of the same pictures in shards, and their folder."""
    monkeypatch.setattr(live_gallery, "_SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(live_gallery, "_OPENINGS_BETWEEN_LOOKS", 0)
    made = tmp_path / "sharded"
    made.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            (made / path.name).write_bytes(path.read_bytes())
    for shard in shards.all_of(COUNT):
        gallery = colour_words.index(made, shard=shard)
    site = served_sites.Site(
        served_sites.LiveGallery(gallery), colour_words.ColourWords(), served_sites.Limits(200_000, 100_000)
    )
    return site, made


def without_rows(results):
    return [(each["path"], each["score"], each["share"], each["copies"]) for each in results]


@pytest.mark.parametrize("address", ["/api/search?q=red", "/api/search?q=blue - red&top=2&offset=1"])
def test_shards_are_answered_as_one_index(client, sharded, address):
    of_shards = served_sites.client_of(sharded[0]).get(address).json()["results"]

    assert without_rows(of_shards) == without_rows(client.get(address).json()["results"])


def test_every_row_of_a_result_can_be_asked_for_and_the_numbers_between_are_not_there(sharded):
    site, _ = sharded
    client = served_sites.client_of(site)
    with site.live.opened() as gallery:
        rows = {hit.row: hit.path.name for hit in gallery.search(gallery.embeddings[0 * COUNT], 100)}
        numbers = range(len(gallery.embeddings) + 2)

    assert len(rows) == 5
    for row in numbers:
        found = client.get(f"/api/similar/{row}?top=9").status_code, client.get(f"/thumbnails/{row}").status_code
        assert found == ((200, 200) if row in rows else (404, 404))


def test_a_shard_that_is_not_whole_is_said_and_comes_in_when_it_is(sharded):
    site, folder = sharded
    client = served_sites.client_of(site)
    place = Place.of(folder)
    shard = Shard(shards.index_of(b"red.png", COUNT), COUNT)
    place.of_shard(shard).mark_begun()
    said = "The gallery lacks pictures: 1 of its 3 shards is not whole."
    assert client.get("/api/status").json()["says"] == said
    assert said in client.get("/").text

    colour_words.save(folder / "red.png", (250, 20, 20))
    colour_words.index(folder, shard=shard).close()

    assert client.get("/api/status").json()["says"] == ""
    assert client.get("/api/search?q=red").json()["results"][0]["path"] == "red.png"


def test_a_shard_that_is_being_indexed_is_seen(sharded):
    site, folder = sharded
    with Place.of(folder, shard=Shard(2, COUNT)).writing():
        assert site.live.is_being_indexed
    assert not site.live.is_being_indexed


def test_the_index_of_the_whole_takes_the_place_of_the_shards_when_it_is_there(sharded):
    site, folder = sharded
    client = served_sites.client_of(site)
    before = without_rows(client.get("/api/search?q=red").json()["results"])
    place = Place.of(folder)
    with place.writing():
        merging.merge(place, COUNT)[0].close()

    assert without_rows(client.get("/api/search?q=red").json()["results"]) == before
    with site.live.opened() as gallery:
        assert gallery.shards == []
