"""Ranks of single queries: the same numbers as the metrics, kept whole on the disk."""

import numpy as np
import pytest

from cmr.errors import WorkspaceError
from cmr.evaluation import metrics
from cmr.evaluation.query_ranks import QueryRanks


@pytest.fixture
def embeddings():
    random = np.random.default_rng(3)
    images, captions = random.normal(size=(6, 4)), random.normal(size=(13, 4))
    return images, captions, np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 5, 5])


def test_their_metrics_are_those_of_the_embeddings(embeddings):
    assert QueryRanks.measure(*embeddings).metrics() == metrics.evaluate(*embeddings)


def test_they_come_back_from_the_disk(embeddings, tmp_path):
    ranks = QueryRanks.measure(*embeddings)

    ranks.write(tmp_path / "ranks.npz")
    again = QueryRanks.read(tmp_path / "ranks.npz")

    for name in ("sentence_retrieval", "image_retrieval", "image_of_caption"):
        np.testing.assert_array_equal(getattr(again, name), getattr(ranks, name))
        assert getattr(again, name).dtype == np.int64


def test_folds_keep_their_ranks_and_number_their_images_on(embeddings):
    ranks = QueryRanks.measure(*embeddings)

    both = QueryRanks.concatenate([ranks, ranks])

    np.testing.assert_array_equal(both.sentence_retrieval, np.tile(ranks.sentence_retrieval, 2))
    np.testing.assert_array_equal(both.image_of_caption, [*ranks.image_of_caption, *(ranks.image_of_caption + 6)])


@pytest.mark.parametrize("content", [None, b"", b"PK not a zip"])
def test_a_missing_or_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "test_ranks.npz"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(WorkspaceError, match=r"test_ranks.npz is missing or damaged; give the run's"):
        QueryRanks.read(path)
