"""A score of every pair beside embeddings: the same metrics, kept and read back."""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_split import IMAGE_OF_CAPTION, SPLIT

from cmr.errors import DataError, WorkspaceError
from cmr.evaluation import metrics, similarities
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.similarities import PairScores


def embeddings(seed=0):
    random = np.random.default_rng(seed)
    return Embeddings(*(random.normal(size=(count, 6)).astype(np.float32) for count in (12, 36)))


@pytest.mark.parametrize("folds", [1, 3])
def test_the_scores_of_embeddings_have_their_metrics(folds):
    said = embeddings()
    scores = PairScores(tuple(similarities.matrices(said, SPLIT, folds)))

    of_scores, ranks = similarities.evaluate(scores, SPLIT, folds)
    of_embeddings, expected = similarities.evaluate(said, SPLIT, folds)

    assert of_scores == of_embeddings
    np.testing.assert_array_equal(ranks.sentence_retrieval, expected.sentence_retrieval)
    np.testing.assert_array_equal(ranks.image_retrieval, expected.image_retrieval)


def reference_ranks(scores):
    """Both directions' ranks by counting, ties and NaN against the query."""
    own = np.arange(12)[:, None] == IMAGE_OF_CAPTION

    def rank(values, right):
        best = max((v for v in values[right] if not np.isnan(v)), default=-np.inf)
        return 1 + sum(not value < best for value in values[~right])

    return [rank(scores[i], own[i]) for i in range(12)], [rank(scores[:, c], own[:, c]) for c in range(36)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_tie_and_a_nan_count_against_the_query(seed):
    random = np.random.default_rng(seed)
    scores = random.integers(0, 4, (12, 36)).astype(np.float32)
    scores[random.random((12, 36)) < 0.1] = np.nan

    by_image, by_caption = metrics.ranks_of_scores(scores, IMAGE_OF_CAPTION)

    assert (by_image.tolist(), by_caption.tolist()) == reference_ranks(scores)


def test_scores_of_other_sentences_are_refused():
    with pytest.raises(DataError, match="beside 35 captions"):
        metrics.ranks_of_scores(np.zeros((12, 35), np.float32), IMAGE_OF_CAPTION)


@pytest.mark.parametrize("said", [embeddings(), PairScores((np.ones((6, 18), np.float32), np.zeros((6, 18), "f")))])
def test_what_is_written_is_read_back(tmp_path, said):
    similarities.write(tmp_path / "val.npz", said)

    again = similarities.read(tmp_path / "val.npz", SPLIT, 2)

    assert type(again) is type(said)
    pairs = zip(similarities.matrices(again, SPLIT, 2), similarities.matrices(said, SPLIT, 2), strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    (tmp_path / "val.npz").write_bytes(content)

    with pytest.raises(WorkspaceError, match=r"missing or damaged; remove metrics\.json beside it and give the run's"):
        similarities.read(tmp_path / "val.npz", SPLIT)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), is_cut=st.booleans())
def test_a_file_with_any_byte_changed_or_cut_off_is_read_or_refused(tmp_path, place, byte, is_cut):
    path = tmp_path / "val.npz"
    similarities.write(path, embeddings())
    content = bytearray(path.read_bytes())
    place = int(place * len(content))
    content[place] = byte
    path.write_bytes(content[:place] if is_cut else content)

    with contextlib.suppress(WorkspaceError):
        assert len(similarities.read(path, SPLIT).images) == SPLIT.num_images


@pytest.mark.parametrize(
    "of_others",
    [
        Embeddings(np.ones((5, 4), np.float32), np.ones((36, 4), np.float32)),
        Embeddings(np.ones((12, 4), np.float32), np.ones((15, 4), np.float32)),
        Embeddings(np.ones(12, np.float32), np.ones(36, np.float32)),
        PairScores((np.ones((5, 15), np.float32),)),
        PairScores((np.ones((4, 12), np.float32), np.zeros((8, 24), np.float32))),
    ],
)
def test_what_is_of_other_pairs_than_the_splits_is_refused(tmp_path, of_others):
    similarities.write(tmp_path / "val.npz", of_others)

    with pytest.raises(WorkspaceError, match="missing or damaged"):
        similarities.read(tmp_path / "val.npz", SPLIT)


def test_the_first_images_of_a_split_have_their_own_sentences_alone(scenes_inputs):
    split = scenes_inputs.split("val")

    first = split.first_images(3)

    captions = np.flatnonzero(split.image_of_caption < 3)
    assert (first.num_images, first.num_captions) == (3, len(captions))
    np.testing.assert_array_equal(first.padded(np.arange(len(captions))), split.padded(captions))
    whole = split.first_images(1000)
    np.testing.assert_array_equal(whole.tokens, split.tokens)
