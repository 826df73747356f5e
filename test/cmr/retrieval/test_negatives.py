"""Who is a negative of whom."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cmr import config
from cmr.retrieval import negatives, step
from cmr.retrieval.losses import PairwiseRankingLoss

few_images = st.lists(st.integers(0, 4), min_size=1, max_size=8).map(lambda rows: np.array(rows, np.int32))
# Values that tie often.
coarse = arrays.arrays(np.float32, (4, 6), elements=st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0]))
masks = arrays.arrays(bool, (4, 6))


@settings(max_examples=30, deadline=None)
@given(queries=few_images, candidates=few_images)
def test_a_caption_of_the_same_image_is_never_a_negative(queries, candidates):
    mask = np.asarray(negatives.different_image(queries, candidates))

    for (query, candidate), is_negative in np.ndenumerate(mask):
        assert is_negative == (queries[query] != candidates[candidate])


@settings(max_examples=30, deadline=None)
@given(similarities=coarse, mask=masks)
def test_the_hardest_is_the_first_of_the_most_similar_allowed_ones(similarities, mask):
    kept = np.asarray(negatives.hardest(similarities, mask))

    for row in range(len(mask)):
        allowed = np.flatnonzero(mask[row])
        expected = [max(allowed, key=lambda c, row=row: similarities[row, c])] if len(allowed) else []
        assert np.flatnonzero(kept[row]).tolist() == expected


def test_a_very_dissimilar_negative_is_still_found():
    similarities = np.array([[9.0, -1e20]], np.float32)

    kept = negatives.hardest(similarities, np.array([[False, True]]))

    assert np.asarray(kept).tolist() == [[False, True]]


@pytest.mark.parametrize("hardest", [False, True])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_moving_other_pairs_of_the_same_image_never_changes_a_querys_loss(hardest, seed, rows):
    """One query alone: what shares its image may lie anywhere."""
    assume(len(set(rows)) > 1)
    random = np.random.default_rng(seed)
    images, captions = random.normal(size=(2, 6, 4)).astype(np.float32)
    rows = np.array(rows, np.int32)
    same = rows == rows[0]
    same[0] = False
    ranking_loss = PairwiseRankingLoss(0.7)

    def loss_of_first_query(images, captions):
        positive = np.sum(images[:1] * captions[:1], axis=1)
        of_captions, of_images = images[:1] @ captions.T, captions[:1] @ images.T
        mask = negatives.different_image(rows[:1], rows)
        masks = mask, mask
        if hardest:
            masks = negatives.hardest(of_captions, mask), negatives.hardest(of_images, mask)
        return float(ranking_loss(positive, of_captions, of_images, *masks))

    before = loss_of_first_query(images, captions)
    images[same], captions[same] = 1e3, -1e3

    np.testing.assert_allclose(loss_of_first_query(images, captions), before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", config.NEGATIVES)
def test_a_batch_of_one_image_has_no_negative_and_no_loss(kind):
    images, captions = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)

    measured = step.loss_of_embeddings(PairwiseRankingLoss(0.7), images, captions, np.full(6, 3, np.int32), 3, kind)

    assert float(measured) == 0.0


def test_epoch_negatives_serve_every_query_and_queries_do_not_serve_each_other():
    images = captions = np.eye(5, dtype=np.float32)

    measured = step.loss_of_embeddings(
        PairwiseRankingLoss(1.5), images, captions, np.arange(5, dtype=np.int32), 2, "epoch"
    )

    # 2 queries x 3 negatives x 2 directions, each with margin - 1 + 0.
    np.testing.assert_allclose(float(measured), 2 * 3 * 2 * 0.5, rtol=1e-6)
