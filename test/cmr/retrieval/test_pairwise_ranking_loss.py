"""The pairwise ranking loss (Eq. 6) against plain loops in float64, its gradient against a subgradient by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from random_similarities import similarities

from cmr import config
from cmr.retrieval.losses import PairwiseRankingLoss
from cmr.retrieval.step import loss_of_embeddings

MARGIN = 0.7


def plain_loss(positives, negative_captions, negative_images, captions_mask, images_mask, margin):
    total = 0.0
    for query, positive in enumerate(positives.astype(np.float64)):
        for negatives, mask in ((negative_captions, captions_mask), (negative_images, images_mask)):
            for similarity, is_negative in zip(negatives[query].astype(np.float64), mask[query], strict=True):
                if is_negative:
                    total += max(0.0, margin - positive + similarity)
    return total


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("reduction", "divisor"), [("sum", 1), ("mean", 4)])
def test_the_loss_is_equation_6_over_both_directions(seed, reduction, divisor):
    values = similarities(seed)

    measured = float(PairwiseRankingLoss(MARGIN, reduction)(*values))

    np.testing.assert_allclose(measured, plain_loss(*values, MARGIN) / divisor, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), margin=st.floats(0.0, 2.0))
def test_the_loss_is_equation_6_for_any_margin_and_mask(seed, margin):
    values = similarities(seed)

    measured = float(PairwiseRankingLoss(margin)(*values))

    np.testing.assert_allclose(measured, plain_loss(*values, margin), rtol=1e-5, atol=1e-5)


def test_similarity_and_cosine_distance_give_the_same_hinge():
    similarity_of_positive, similarity_of_negative = 0.8, 0.4
    ranking_loss = PairwiseRankingLoss(MARGIN)
    mask, nothing = np.array([[True]]), np.array([[False]])
    positive, negative = np.array([similarity_of_positive], "f4"), np.array([[similarity_of_negative]], "f4")

    measured = float(ranking_loss(positive, negative, negative, mask, nothing))

    distance = {"positive": 1 - similarity_of_positive, "negative": 1 - similarity_of_negative}
    np.testing.assert_allclose(measured, MARGIN + distance["positive"] - distance["negative"], rtol=1e-6)


def test_without_a_negative_the_loss_is_zero():
    positives, captions, images, captions_mask, images_mask = similarities(0)

    measured = PairwiseRankingLoss(MARGIN)(positives, captions, images, captions_mask & False, images_mask & False)

    assert float(measured) == 0.0


def test_a_masked_similarity_does_not_reach_the_loss_however_large():
    positives, captions, images, captions_mask, images_mask = similarities(1)
    ranking_loss = PairwiseRankingLoss(MARGIN)
    before = float(ranking_loss(positives, captions, images, captions_mask, images_mask))

    captions[~captions_mask] = 1e6

    assert float(ranking_loss(positives, captions, images, captions_mask, images_mask)) == before


def test_the_mean_divides_by_the_queries_of_all_replicas():
    values = similarities(2)

    of_one = float(PairwiseRankingLoss(MARGIN, "mean", num_replicas=1)(*values))
    of_two = float(PairwiseRankingLoss(MARGIN, "mean", num_replicas=2)(*values))

    np.testing.assert_allclose(of_two, of_one / 2, rtol=1e-6)


def test_another_reduction_is_refused():
    with pytest.raises(ValueError, match="'median'"):
        PairwiseRankingLoss(MARGIN, "median")


def test_the_layer_is_made_again_from_its_config():
    ranking_loss = PairwiseRankingLoss(0.3, "mean", 2)

    again = keras.layers.deserialize(keras.layers.serialize(ranking_loss))

    assert (again.margin, again.reduction, again.num_replicas) == (0.3, "mean", 2)


# Gradients of the embeddings, for each kind of negatives.

QUERIES, PAIRS, DIM = 4, 7, 3
# The second and the fourth query are sentences of one image, and so is a negative of --negatives=epoch.
IMAGE_ROWS = np.array([10, 11, 12, 11, 13, 11, 14], np.int32)


def embeddings(seed):
    random = np.random.default_rng(seed)
    images, captions = random.normal(size=(2, PAIRS, DIM))
    return images.astype(np.float32), captions.astype(np.float32)


def is_a_negative(query, candidate, negatives):
    in_candidates = candidate >= QUERIES if negatives == "epoch" else candidate < QUERIES
    return in_candidates and IMAGE_ROWS[query] != IMAGE_ROWS[candidate]


def plain_terms(images, captions, negatives):
    """The hinges above zero of each direction, as (direction, query, candidate, value) in float64."""
    terms = []
    for direction, (own, others) in {"captions": (images, captions), "images": (captions, images)}.items():
        for query in range(QUERIES):
            candidates = [c for c in range(PAIRS) if is_a_negative(query, c, negatives)]
            if negatives == "hardest":
                candidates = [max(candidates, key=lambda c: own[query] @ others[c])]
            for candidate in candidates:
                value = MARGIN - images[query] @ captions[query] + own[query] @ others[candidate]
                if value > 0:
                    terms.append((direction, query, candidate, value))
    return terms


def plain_loss_and_gradients(images, captions, negatives, reduction):
    images, captions = images.astype(np.float64), captions.astype(np.float64)
    of_images, of_captions = np.zeros_like(images), np.zeros_like(captions)
    terms = plain_terms(images, captions, negatives)
    for direction, query, candidate, _ in terms:
        of_images[query] -= captions[query]
        of_captions[query] -= images[query]
        if direction == "captions":
            of_images[query] += captions[candidate]
            of_captions[candidate] += images[query]
        else:
            of_captions[query] += images[candidate]
            of_images[candidate] += captions[query]
    scale = 1 / QUERIES if reduction == "mean" else 1.0
    return scale * sum(value for *_, value in terms), scale * of_images, scale * of_captions


def measured_loss_and_gradients(images, captions, negatives, reduction):
    count = PAIRS if negatives == "epoch" else QUERIES
    inputs = tf.constant(images[:count]), tf.constant(captions[:count])
    ranking_loss = PairwiseRankingLoss(MARGIN, reduction)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = loss_of_embeddings(ranking_loss, *inputs, IMAGE_ROWS[:count], QUERIES, negatives)
    return float(value), *(gradient.numpy() for gradient in tape.gradient(value, inputs))


@pytest.mark.parametrize("negatives", config.NEGATIVES)
@pytest.mark.parametrize("reduction", config.REDUCTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_loss_and_gradients_of_the_embeddings_are_those_by_hand(negatives, reduction, seed):
    images, captions = embeddings(seed)

    value, of_images, of_captions = measured_loss_and_gradients(images, captions, negatives, reduction)

    expected, expected_images, expected_captions = plain_loss_and_gradients(images, captions, negatives, reduction)
    assert expected > 0
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(of_images, expected_images[: len(of_images)], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(of_captions, expected_captions[: len(of_captions)], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("negatives", config.NEGATIVES)
def test_the_gradient_by_hand_is_the_slope_of_the_loss(negatives):
    images, captions = (array.astype(np.float64) for array in embeddings(4))
    _, of_images, of_captions = plain_loss_and_gradients(images, captions, negatives, "sum")
    # No hinge and no choice of the hardest turns within so small a step of these embeddings.
    step = 1e-7

    for array, gradient in ((images, of_images), (captions, of_captions)):
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = sum(value for *_, value in plain_terms(images, captions, negatives))
            array[index] = kept - step
            below = sum(value for *_, value in plain_terms(images, captions, negatives))
            array[index] = kept
            np.testing.assert_allclose((above - below) / (2 * step), gradient[index], rtol=1e-6, atol=1e-6)
