"""faiss's search beside the exact one: what it finds has the exact scores, and late rows are not forgotten."""

import numpy as np
import pytest
import written_galleries

from cmr.errors import WorkspaceError
from cmr.gallery import approximate, similarity
from cmr.gallery.approximate import ApproximateSearch


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    return unit(random.standard_normal((8, 16))[random.integers(8, size=400)] + random.standard_normal((400, 16)))


@pytest.fixture
def store(tmp_path, rows):
    pytest.importorskip("faiss")
    return written_galleries.write(tmp_path, rows).store


def test_the_recall_that_it_was_built_for_is_measured_and_kept(store):
    built = approximate.build(store, None)

    assert built.recall >= 0.95
    assert ApproximateSearch(store).description == built


def test_what_it_finds_has_the_exact_scores(store, rows):
    approximate.build(store, None)
    embeddings = store.embeddings()

    scores = ApproximateSearch(store).scores(embeddings, rows[3], 20)

    seen = np.flatnonzero(scores > -np.inf)
    exact = similarity.similarities(embeddings, rows[3][None])[:, 0]
    assert len(seen) == 20
    np.testing.assert_allclose(scores[seen], exact[seen], atol=1e-5)
    assert scores.argmax() == 3


def test_rows_that_came_later_are_searched_exactly(store, rows):
    approximate.build(store, None)
    late = np.concatenate([np.asarray(store.embeddings()), np.asarray(-rows[:1], np.float16)])

    scores = ApproximateSearch(store).scores(late, -rows[0], 5)

    assert scores.argmax() == 400


def test_it_may_have_been_built_anew_since_the_rows_were_read(store, rows):
    approximate.build(store, None)
    before = store.embeddings()[:300]

    scores = ApproximateSearch(store).scores(before, rows[3], 300)

    assert scores.shape == (300,)
    assert scores.argmax() == 3


def test_without_one_the_command_that_builds_it_is_named(store):
    with pytest.raises(WorkspaceError, match=r"run cmr\.index --ann"):
        ApproximateSearch(store)
