"""Merged shards are the index that one cmr.index makes, and go on being updated; what can't be merged is said."""

import contextlib
import errno
import shutil

import numpy as np
import pytest
import sharded_galleries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sharded_galleries import QUERIES, VECTORS, Item, galleries, many, results

from cmr.errors import ConfigError, WorkspaceError
from cmr.gallery import merging
from cmr.gallery.place import Place
from cmr.gallery.searching import Gallery
from cmr.gallery.store import GONE, INDEXED, Rows, Store
from cmr.workspace import shards
from cmr.workspace.shards import Shard
from cmr.workspace.writer_lock import writer_lock


def merge(place, count, **arguments):
    with place.writing():
        index, done = merging.merge(place, count, **arguments)
        index.close()
    return done


def content_of(place):
    """Everything an index holds."""
    store = Store(place.folder / place.read().index)
    with contextlib.closing(store):
        files = list(store.files())
        return files, store.rows_of_contents(), store.embeddings().tobytes(), store.hidden_rows().tolist()


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(items=galleries(), count=st.integers(1, 4), at_once=st.integers(1, 20))
def test_merged_shards_are_one_index_to_the_byte(tmp_path_factory, monkeypatch, items, count, at_once):
    # A file that is gone leaves nothing in a new index.
    items = [item for item in items if item.state != GONE]
    folder = tmp_path_factory.mktemp("galleries")
    (folder / "one").mkdir()
    (folder / "shards").mkdir()
    one = sharded_galleries.write_one(folder / "one", items)
    place = sharded_galleries.write_shards(folder / "shards", items, count)
    before = {query: results(Gallery.open(place.pictures), QUERIES[query], 50) for query in range(3)}
    monkeypatch.setattr(merging, "_FILES_AT_ONCE", at_once)

    done = merge(place, count)

    assert (done.files, done.changed) == (len(items), len(items))
    files, *others = content_of(place)
    expected, *expected_others = content_of(one)
    # Times of change are of different files.
    assert [(path, known.sha256, known.state, row) for path, known, row in files] == [
        (path, known.sha256, known.state, row) for path, known, row in expected
    ]
    assert others == expected_others
    assert (place.folder / "index-1" / "embeddings.npy").exists() == (
        one.folder / "index-1" / "embeddings.npy"
    ).exists()
    merged = Gallery.open(place.pictures)
    assert merged.shards == []
    assert {query: results(merged, QUERIES[query], 50) for query in range(3)} == before
    assert merge(place, count).changed == 0
    shutil.rmtree(folder)


def test_what_changed_in_a_shard_changes_in_the_whole_and_nothing_else_is_written(tmp_path):
    items = many()
    place = sharded_galleries.write_shards(tmp_path, items, 3)
    merge(place, 3)
    shutil.rmtree(place.folder / shards.SHARDS)
    gone, changed, new = items[0], items[1], Item("new.png", "new", INDEXED, VECTORS[0])
    changed = Item(changed.path, "other", INDEXED, VECTORS[3])
    (tmp_path / changed.path).write_bytes(b"other")
    now = [Item(gone.path, gone.content, GONE, gone.vector), changed, *items[2:], new]
    sharded_galleries.write_shards(tmp_path, now, 3)

    done = merge(place, 3)

    assert (done.files, done.changed, done.added) == (len(items), 3, 2)
    found = {hit.path.name: hit.score for hit in Gallery.open(tmp_path).search(QUERIES[2], 100)}
    assert set(found) == {item.path for item in now} - {gone.path}
    assert found[changed.path] == max(found.values())


def test_a_file_that_changed_and_went_between_two_merges_has_its_row_when_it_is_back(tmp_path):
    items = many(4)
    place = sharded_galleries.write_shards(tmp_path, items, 2)
    merge(place, 2)
    shutil.rmtree(place.folder / shards.SHARDS)
    sharded_galleries.write_shards(tmp_path, [Item(items[0].path, "changed", GONE, VECTORS[3]), *items[1:]], 2)

    merge(place, 2)

    index = Store(place.folder / place.read().index)
    assert index.known_file(items[0].path.encode()).sha256 in index.rows_of_contents()
    index.close()


def test_a_row_that_one_merge_alone_misses_is_left_to_the_next(tmp_path):
    first, *others = many()
    place = sharded_galleries.write_shards(tmp_path, [first, *others], 3)
    merge(place, 3)
    shutil.rmtree(place.folder / shards.SHARDS)
    sharded_galleries.write_shards(tmp_path, [Item(first.path, first.content, GONE, first.vector), *others], 3)

    assert merge(place, 3).dead.tolist() == []
    assert len(merge(place, 3).dead) == 1


def test_what_the_whole_knows_better_than_a_shard_is_left(tmp_path):
    items = many()
    place = sharded_galleries.write_shards(tmp_path, items, 3)
    merge(place, 3)
    # The plain command has seen a change that the shard has not.
    path = tmp_path / items[0].path
    path.write_bytes(b"changed since")
    index = Store(place.folder / place.read().index, writable=True)
    known = index.known_file(items[0].path.encode())
    status = path.stat()
    now = type(known)(status.st_size, status.st_mtime_ns, bytes(32), INDEXED)
    index.commit([(items[0].path.encode(), now)], [bytes(32)], np.array([VECTORS[3]]))
    index.close()

    assert merge(place, 3).changed == 0

    index = Store(place.folder / place.read().index)
    assert index.known_file(items[0].path.encode()) == now
    index.close()


@pytest.mark.parametrize("stops_after", [0, 1, 2])
def test_a_stopped_merge_is_seen_by_nobody_and_goes_on(tmp_path, monkeypatch, stops_after):
    place = sharded_galleries.write_shards(tmp_path, many(), 3)
    monkeypatch.setattr(merging, "_FILES_AT_ONCE", 6)
    commit, left = Store.commit, [stops_after]

    def stopping(self, *arguments):
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device", str(place.folder))
        left[0] -= 1
        commit(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "commit", stopping)
        with pytest.raises(OSError, match="No space left"):
            merge(place, 3)
    assert len(Gallery.open(tmp_path).shards) == 3

    done = merge(place, 3)

    assert done.changed == 20 - 6 * stops_after
    assert len(Gallery.open(tmp_path)) == 20


def refused(place, count=3, error=WorkspaceError, **arguments):
    with pytest.raises(error) as said:
        merge(place, count, **arguments)
    assert not place.gallery_json.exists()
    return str(said.value)


def test_shards_that_are_missing_or_not_whole_are_all_named(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 4)
    for index in (1, 4):
        shutil.rmtree(Shard(index, 4).folder(place.folder))
    place.of_shard(Shard(3, 4)).mark_begun()

    assert refused(place, 4) == (
        f"of the 4 shards of {place.folder} 1 and 4 are missing, 3 is unfinished; run: for k in 1 3 4; do python -m "
        f"cmr.index {tmp_path} --shard=$k/4; done"
    )


def test_a_shard_of_another_model_is_not_merged(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 3)
    sharded_galleries.replace_shard(place, many(), Shard(2, 3), Rows("other", 3, "float16"))

    assert "2 of 3 were indexed with another model (other.cmr) than the rest (model.cmr)" in refused(place)


def test_shards_of_another_model_than_the_one_named_are_not_merged(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 3)

    said = refused(place, error=ConfigError, checksum="named")

    assert said == f"the shards of {place.folder} were indexed with another model than --model names, model.cmr"


def test_a_cut_shard_is_not_merged(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 3)
    folder = Shard(2, 3).folder(place.folder)
    path = folder / "index-1" / "embeddings.npy"
    path.write_bytes(path.read_bytes()[:-4])

    assert refused(place) == f"{path} is missing or too short; remove {folder} and run cmr.index --shard=2/3 again"


def test_a_shard_with_rows_that_are_no_embeddings_is_not_merged(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 3)
    folder = Shard(2, 3).folder(place.folder)
    path = folder / "index-1" / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-6:] = bytes(6)
    path.write_bytes(bytes(content))

    assert refused(place) == (
        f"{folder} is damaged: it holds rows that are no embeddings; remove it and run: python -m cmr.index {tmp_path} "
        "--shard=2/3"
    )


def test_a_shard_without_its_database_is_not_merged(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 3)
    folder = Shard(2, 3).folder(place.folder)
    (folder / "index-1" / "gallery.sqlite").write_bytes(b"no database, and long enough to be looked at as one" * 9)

    assert f"gallery.sqlite is missing or damaged (file is not a database); remove {folder}" in refused(place)


def test_a_shard_that_is_being_written_is_not_merged(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 3)

    with writer_lock(Shard(2, 3).folder(place.folder)):
        assert "2-of-3 is being written by process" in refused(place)


def test_an_index_of_another_model_is_left_unless_it_is_to_be_rebuilt(tmp_path):
    sharded_galleries.write_shards(tmp_path, many(), 3)
    place = Place.of(tmp_path)
    sharded_galleries._write(place, many(4), Rows("old", 3, "float16"))
    with pytest.raises(ConfigError, match="was indexed with another model"):
        merge(place, 3)
    assert len(Gallery.open(tmp_path)) == 4

    merge(place, 3, rebuild=True)

    assert len(Gallery.open(tmp_path)) == 20
    assert [path.name for path in place.indexes()] == ["index-2"]
