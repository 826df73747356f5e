"""Ranks of single queries: the same numbers as the metrics, kept whole on the disk."""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import WorkspaceError
from cmr.evaluation import metrics
from cmr.evaluation.query_ranks import QueryRanks


@pytest.fixture
def embeddings():
    random = np.random.default_rng(3)
    images, captions = random.normal(size=(6, 4)), random.normal(size=(13, 4))
    return images, captions, np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 5, 5])


def test_their_metrics_are_those_of_the_embeddings(embeddings):
    assert QueryRanks.of_embeddings(*embeddings).metrics() == metrics.evaluate(*embeddings)


def test_they_come_back_from_the_disk(embeddings, tmp_path):
    ranks = QueryRanks.of_embeddings(*embeddings)

    ranks.write(tmp_path / "ranks.npz")
    again = QueryRanks.read(tmp_path / "ranks.npz")

    for name in ("sentence_retrieval", "image_retrieval", "image_of_caption"):
        np.testing.assert_array_equal(getattr(again, name), getattr(ranks, name))
        assert getattr(again, name).dtype == np.int64


def test_folds_keep_their_ranks_and_number_their_images_on(embeddings):
    ranks = QueryRanks.of_embeddings(*embeddings)

    both = QueryRanks.concatenate([ranks, ranks])

    np.testing.assert_array_equal(both.sentence_retrieval, np.tile(ranks.sentence_retrieval, 2))
    np.testing.assert_array_equal(both.image_of_caption, [*ranks.image_of_caption, *(ranks.image_of_caption + 6)])


@pytest.mark.parametrize("content", [None, b"", b"PK not a zip"])
def test_a_missing_or_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "test_ranks.npz"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(WorkspaceError, match=r"test_ranks.npz is missing or damaged; remove it and give the command"):
        QueryRanks.read(path)


@pytest.mark.parametrize(
    "changed",
    [
        {"sentence_retrieval": np.array([0, 1, 1, 1, 1, 1])},
        {"sentence_retrieval": np.array([14, 1, 1, 1, 1, 1])},
        {"sentence_retrieval": np.ones(6)},
        {"sentence_retrieval": np.ones((6, 1), np.int64)},
        {"image_retrieval": np.ones(12, np.int64)},
        {"image_retrieval": np.full(13, 7)},
        {"image_of_caption": np.full(13, 6)},
        {"image_of_caption": np.full(13, -1)},
        {"image_of_caption": np.zeros(0, np.int64)},
        {"image_of_caption": np.array([None] * 13)},
    ],
)
def test_numbers_that_are_no_ranks_are_refused(embeddings, tmp_path, changed):
    ranks = vars(QueryRanks.of_embeddings(*embeddings))
    np.savez(tmp_path / "ranks.npz", **{**ranks, **changed})

    with pytest.raises(WorkspaceError, match=r"ranks.npz is missing or damaged; remove it"):
        QueryRanks.read(tmp_path / "ranks.npz")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), is_cut=st.booleans())
def test_a_file_with_any_byte_changed_or_cut_off_is_read_or_refused(embeddings, tmp_path, place, byte, is_cut):
    path = tmp_path / "ranks.npz"
    ranks = QueryRanks.of_embeddings(*embeddings)
    ranks.write(path)
    content = bytearray(path.read_bytes())
    place = int(place * len(content))
    content[place] = byte
    path.write_bytes(content[:place] if is_cut else content)

    with contextlib.suppress(WorkspaceError):
        assert QueryRanks.read(path).metrics() == ranks.metrics()
