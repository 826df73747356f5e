"""Searching is exact: the blocks' results are those of sorting all scores, ties in the order of the rows."""

import numpy as np
import pytest
import written_galleries
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import WorkspaceError
from cmr.gallery import similarity
from cmr.gallery.searching import Gallery

SCORES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0, -np.inf]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(scores=SCORES, count=st.integers(1, 40))
def test_the_best_are_those_of_a_stable_sort(scores, count):
    array = np.array(scores, np.float32)
    by_hand = [row for row in sorted(range(len(scores)), key=lambda row: -scores[row]) if scores[row] > -np.inf]

    assert similarity.best(array, count).tolist() == by_hand[:count]


@settings(max_examples=60, deadline=None)
@given(scores=SCORES, count=st.integers(1, 4))
def test_an_order_is_that_of_the_best_however_many_are_taken(scores, count):
    array = np.array(scores, np.float32)

    assert list(similarity.in_order(array, count)) == similarity.best(array, 30).tolist()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("dim", [3, 16, 64])
def test_blocks_give_what_one_product_gives(monkeypatch, dtype, dim):
    monkeypatch.setattr(similarity, "_BLOCK_VALUES", 64 * dim)
    random = np.random.default_rng(0)
    rows, queries = random.standard_normal((200, dim)).astype(dtype), random.standard_normal((3, dim)).astype("f4")

    scores = similarity.similarities(rows, queries)

    np.testing.assert_allclose(scores, rows.astype("f8") @ queries.T.astype("f8"), rtol=1e-5, atol=1e-5)


def test_rows_at_any_place_in_memory_give_the_same():
    memory = np.zeros(201 * 4 + 1, np.float16)
    shifted = memory[1:].reshape(201, 4)
    shifted[:] = np.random.default_rng(0).standard_normal((201, 4))
    query = np.ones((1, 4), np.float32)

    np.testing.assert_array_equal(
        similarity.similarities(shifted, query), similarity.similarities(shifted.copy(), query)
    )


def test_equal_scores_come_in_the_order_of_the_rows(tmp_path):
    rows = np.array([[0, 1], [1, 0], [1, 0], [0, 1], [1, 0]], np.float32)

    hits = written_galleries.write(tmp_path, rows).search(np.array([1, 0], np.float32), top=4)

    assert [hit.row for hit in hits] == [1, 2, 4, 0]
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]


def test_a_share_counts_the_pictures_that_score_as_high_ties_included(tmp_path):
    rows = np.array([[1, 0], [1, 0], [0, 1], [-1, 0]], np.float32)

    hits = written_galleries.write(tmp_path, rows).search(np.array([1, 0], np.float32), top=4)

    assert [hit.share for hit in hits] == [0.5, 0.5, 0.75, 1.0]


def test_gone_and_excluded_rows_are_no_results_and_count_in_no_share(tmp_path):
    rows = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    opened = written_galleries.write(tmp_path, rows, gone=[0])

    hits = opened.search(np.array([1, 0], np.float32), top=4, without=[2])

    assert [hit.row for hit in hits] == [1, 3]
    assert hits[0].share == pytest.approx(1 / 3)


def test_pages_follow_each_other_without_gap_or_overlap(tmp_path):
    rows = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    opened, query = written_galleries.write(tmp_path, rows), np.ones(4, np.float32)
    (tmp_path / "7.png").unlink()

    whole = opened.search(query, top=20)
    pages = [hit for skip in (0, 6, 12, 18) for hit in opened.search(query, top=6, skip=skip)]

    assert len(whole) == 19
    assert pages == whole


def test_many_missing_files_and_a_far_page_are_few_looks_at_all_scores(tmp_path, monkeypatch):
    rows = np.random.default_rng(0).standard_normal((400, 4)).astype(np.float32)
    opened, query = written_galleries.write(tmp_path, rows), np.ones(4, np.float32)
    whole = opened.search(query, top=400)
    for hit in whole[:200]:
        hit.path.unlink()
    looks, best = [], similarity.best
    monkeypatch.setattr(similarity, "best", lambda *arguments: looks.append(arguments) or best(*arguments))

    hits = opened.search(query, top=5, skip=100)

    assert [hit.row for hit in hits] == [hit.row for hit in whole[300:305]]
    assert [hit.rank for hit in hits] == [101, 102, 103, 104, 105]
    assert len(looks) == 2


def test_more_results_than_pictures_are_all_pictures(tmp_path):
    assert (
        len(written_galleries.write(tmp_path, np.eye(3, dtype=np.float32)).search(np.ones(3, np.float32), top=100)) == 3
    )


def test_a_query_of_another_model_is_refused(tmp_path):
    opened = written_galleries.write(tmp_path, np.eye(3, dtype=np.float32))

    with pytest.raises(WorkspaceError, match="3 values and the query has 4"):
        opened.search(np.ones(4, np.float32), top=1)


def test_a_folder_without_an_index_is_refused_with_the_command(tmp_path):
    with pytest.raises(WorkspaceError, match=r"has no index; run: python -m cmr\.index"):
        Gallery.open(tmp_path)
