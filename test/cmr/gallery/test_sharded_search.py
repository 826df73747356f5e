"""A search over shards gives what one index gives: results, scores, shares, copies and the order of ties."""

import shutil

import numpy as np
import pytest
import sharded_galleries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sharded_galleries import QUERIES, VECTORS, Item, galleries, many, results

from cmr.errors import WorkspaceError
from cmr.gallery import answers, approximate
from cmr.gallery.searching import Gallery
from cmr.gallery.store import INDEXED, Rows
from cmr.workspace import shards
from cmr.workspace.shards import Shard


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(items=galleries(), count=st.integers(1, 5))
def test_shards_give_what_one_index_gives(tmp_path_factory, items, count):
    folder = tmp_path_factory.mktemp("galleries")
    (folder / "one").mkdir()
    (folder / "shards").mkdir()
    sharded_galleries.write_one(folder / "one", items)
    sharded_galleries.write_shards(folder / "shards", items, count)
    one, of_shards = Gallery.open(folder / "one"), Gallery.open(folder / "shards")

    assert (len(of_shards), of_shards.num_files) == (len(one), one.num_files)
    for query in QUERIES:
        assert results(of_shards, query, 100) == results(one, query, 100)
        for top, skip in ((1, 0), (2, 1), (3, 5)):
            assert results(of_shards, query, top, skip) == results(one, query, top, skip)
    in_any_order = [sorted(hit.path.name for hit in answers.at_random(each, 3, 100)) for each in (of_shards, one)]
    assert in_any_order[0] == in_any_order[1]
    for hit in of_shards.search(QUERIES[0], 100):
        assert of_shards.row_of_content(of_shards.store.content_of_row(hit.row)) == hit.row
        assert of_shards.embeddings[[hit.row]].tolist() == [of_shards.embeddings[hit.row].tolist()]
    one.close()
    of_shards.close()
    shutil.rmtree(folder)


@settings(max_examples=30, deadline=None)
@given(
    dim=st.sampled_from([1, 3, 16, 512]), count=st.integers(1, 6), num_rows=st.integers(1, 40), seed=st.integers(0, 99)
)
def test_a_score_does_not_depend_on_the_rows_beside_it(dim, count, num_rows, seed):
    from cmr.gallery import similarity
    from cmr.gallery.sharded_rows import ShardedRows

    random = np.random.default_rng(seed)
    rows, query = random.standard_normal((num_rows, dim)).astype("f2"), random.standard_normal((1, dim)).astype("f4")
    part_of = random.integers(count, size=num_rows)
    sharded = ShardedRows([rows[part_of == part] for part in range(count)], dim)

    scores = sharded.similarities(query)[:, 0]

    whole = similarity.similarities(rows, query)[:, 0]
    np.testing.assert_array_equal(np.sort(scores[scores > -np.inf]), np.sort(whole))
    assert len(sharded.no_rows()) == len(sharded) - num_rows


def test_rows_keep_their_numbers_when_a_shard_grows(tmp_path):
    sharded_galleries.write_shards(tmp_path, many(20), 3)
    before = {hit.path: hit.row for hit in Gallery.open(tmp_path).search(QUERIES[0], 100)}
    shutil.rmtree(tmp_path / ".cmr")
    # In each shard behind those that were there.
    more = [*many(20), *(Item(f"x{place}.png", f"x{place}", INDEXED, VECTORS[0]) for place in range(9))]
    sharded_galleries.write_shards(tmp_path, more, 3)

    after = {hit.path: hit.row for hit in Gallery.open(tmp_path).search(QUERIES[0], 100)}

    assert len(after) == 29
    assert before.items() <= after.items()


def test_a_missing_and_an_unfinished_shard_are_named_with_what_makes_them_and_the_rest_is_searched(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 4)
    shutil.rmtree(Shard(2, 4).folder(place.folder))
    place.of_shard(Shard(3, 4)).mark_begun()

    gallery = Gallery.open(tmp_path)

    own = [item for item in many() if not Shard(2, 4).holds(item.path.encode())]
    assert {hit.path.name for hit in gallery.search(QUERIES[0], 100)} == {item.path for item in own}
    assert gallery.says_what_to_run() == (
        "The gallery lacks pictures: 2 of its 4 shards are not whole. Run: for k in 2 3; do python -m cmr.index "
        f"{tmp_path} --shard=$k/4; done"
    )


def test_a_gallery_of_whole_shards_has_nothing_to_say(tmp_path):
    sharded_galleries.write_shards(tmp_path, many(), 4)

    assert Gallery.open(tmp_path).says_what_to_run() == ""


def test_shards_of_two_models_are_not_searched(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 4)
    sharded_galleries.replace_shard(place, many(), Shard(2, 4), Rows("other", 3, "float16"))

    with pytest.raises(WorkspaceError) as refused:
        Gallery.open(tmp_path)

    assert str(refused.value) == (
        f"of the shards of {place.folder} 2 of 4 were indexed with another model (other.cmr) than the rest "
        f"(model.cmr); index them anew: python -m cmr.index {tmp_path} --model=model.cmr --rebuild --shard=2/4"
    )


def test_shards_whose_vectors_are_kept_differently_are_not_searched(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 4)
    sharded_galleries.replace_shard(place, many(), Shard(2, 4), Rows("model", 3, "float32"))

    with pytest.raises(
        WorkspaceError, match=r"2 of 4 keep vectors as float32 and the rest as float16; remove .*2-of-4"
    ):
        Gallery.open(tmp_path)


def test_shards_of_two_counts_are_not_searched(tmp_path):
    sharded_galleries.write_shards(tmp_path, many(), 4)
    sharded_galleries.write_shards(tmp_path, many(), 2)

    with pytest.raises(WorkspaceError, match="holds shards of 2 and 4; remove those that are not wanted"):
        Gallery.open(tmp_path)


def test_a_cut_shard_is_named_with_the_command_that_makes_it(tmp_path):
    place = sharded_galleries.write_shards(tmp_path, many(), 4)
    folder = Shard(2, 4).folder(place.folder)
    path = folder / "index-1" / "embeddings.npy"
    path.write_bytes(path.read_bytes()[:-4])

    with pytest.raises(WorkspaceError, match=rf"too short; remove {folder} and run cmr\.index --shard=2/4 again"):
        Gallery.open(tmp_path)


def test_the_index_of_the_whole_is_searched_where_there_is_one(tmp_path):
    sharded_galleries.write_shards(tmp_path, many(), 4)
    sharded_galleries.write_one(tmp_path, many(5))

    gallery = Gallery.open(tmp_path)

    assert (len(gallery), gallery.shards) == (5, [])


def test_a_gallery_elsewhere_in_shards_knows_its_pictures(tmp_path):
    from cmr.gallery.place import Description, Place

    (tmp_path / "photos").mkdir()
    place = sharded_galleries.write_shards(tmp_path / "photos", many(), 2)
    shutil.move(place.folder, tmp_path / "index")
    for shard in shards.all_of(2):
        each = Place.of(tmp_path / "photos", tmp_path / "index", shard)
        each.write(Description("index-1", "model.cmr", "model", str(tmp_path / "photos")))

    gallery = Gallery.open(gallery_dir=tmp_path / "index")

    assert gallery.place.pictures == tmp_path / "photos"
    assert gallery.search(QUERIES[0], 1)[0].path.parent == tmp_path / "photos"


def test_faiss_searches_each_shard(tmp_path):
    pytest.importorskip("faiss")
    random = np.random.default_rng(0)
    vectors = random.standard_normal((600, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    items = [Item(f"{n}.png", f"{n}", INDEXED, tuple(vector)) for n, vector in enumerate(vectors.tolist())]
    sharded_galleries.write_shards(tmp_path, items, 2)
    gallery = Gallery.open(tmp_path)
    with pytest.raises(WorkspaceError, match=r"run cmr\.index --shard=1/2 --ann, or search without --ann"):
        approximate.open_search(gallery.store)
    for store in gallery.store.stores.values():
        approximate.build(store, None)

    search = approximate.open_search(gallery.store)
    scores = search.scores(gallery.embeddings, QUERIES[1], 20)

    exact = gallery.scores(QUERIES[1][None])[:, 0]
    is_looked_at = scores > -np.inf
    assert 20 <= is_looked_at.sum() <= 40
    np.testing.assert_allclose(scores[is_looked_at], exact[is_looked_at], atol=1e-6)
    ten = [hit.row for hit in gallery.hits(scores, 10)]
    assert len(set(ten) & {hit.row for hit in gallery.search(QUERIES[1], 10)}) >= 8
