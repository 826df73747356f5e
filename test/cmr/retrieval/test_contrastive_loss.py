"""The contrastive loss against plain loops in float64, its gradients against differences, its temperature."""

import math

import keras
import numpy as np
import pytest
import stopped_trainings
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from random_similarities import similarities

from cmr import config
from cmr.retrieval.losses import ContrastiveLoss
from cmr.retrieval.step import loss_of_embeddings

FIRST_SCALE = 1 / 0.07


def loss_of_scale(scale, reduction="sum"):
    built = ContrastiveLoss(reduction)
    built.log_scale.assign(math.log(scale))
    return built


def plain_loss(positives, negative_captions, negative_images, captions_mask, images_mask, scale=FIRST_SCALE):
    total = 0.0
    for query, positive in enumerate(positives.astype(np.float64)):
        for negatives, mask in ((negative_captions, captions_mask), (negative_images, images_mask)):
            kept = negatives[query][mask[query]].astype(np.float64)
            total += math.log1p(sum(math.exp(scale * (similarity - positive)) for similarity in kept))
    return total


@pytest.mark.parametrize(("reduction", "divisor"), [("sum", 1), ("mean", 4)])
def test_the_loss_is_the_cross_entropy_of_the_positive_in_both_directions(reduction, divisor):
    values = similarities(0)

    measured = float(ContrastiveLoss(reduction)(*values))

    np.testing.assert_allclose(measured, plain_loss(*values) / divisor, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100.0))
def test_the_loss_is_the_cross_entropy_at_any_temperature(seed, scale):
    values = similarities(seed)

    measured = float(loss_of_scale(scale)(*values))

    np.testing.assert_allclose(measured, plain_loss(*values, scale), rtol=1e-4, atol=1e-4)


def test_over_a_batch_of_different_images_it_is_twice_clips_mean_of_both_directions():
    random = np.random.default_rng(1)
    images, captions = (unit(array).astype(np.float32) for array in random.normal(size=(2, 4, 3)))
    logits = FIRST_SCALE * images.astype(np.float64) @ captions.T
    of_images = -np.log(np.exp(logits.diagonal()) / np.exp(logits).sum(axis=1))
    of_captions = -np.log(np.exp(logits.diagonal()) / np.exp(logits).sum(axis=0))

    measured = loss_of_embeddings(ContrastiveLoss("mean"), images, captions, np.arange(4), 4, "batch")

    np.testing.assert_allclose(float(measured), 2 * (of_images.mean() + of_captions.mean()) / 2, rtol=1e-5)


def test_a_masked_similarity_does_not_reach_the_loss_however_large():
    positives, captions, images, captions_mask, images_mask = similarities(1)
    built = ContrastiveLoss()
    before = float(built(positives, captions, images, captions_mask, images_mask))

    captions[~captions_mask] = 1e6

    assert float(built(positives, captions, images, captions_mask, images_mask)) == before


def test_without_a_negative_the_loss_is_zero():
    positives, captions, images, captions_mask, images_mask = similarities(0)

    measured = ContrastiveLoss()(positives, captions, images, captions_mask & False, images_mask & False)

    assert float(measured) == 0.0


def test_the_mean_divides_by_the_queries_of_all_replicas():
    values = similarities(2)

    of_one = float(ContrastiveLoss("mean", num_replicas=1)(*values))
    of_two = float(ContrastiveLoss("mean", num_replicas=2)(*values))

    np.testing.assert_allclose(of_two, of_one / 2, rtol=1e-6)


def test_another_reduction_is_refused():
    with pytest.raises(ValueError, match="'median'"):
        ContrastiveLoss("median")


def test_the_layer_is_made_again_from_its_config():
    again = keras.layers.deserialize(keras.layers.serialize(ContrastiveLoss("mean", 2)))

    assert (again.reduction, again.num_replicas) == ("mean", 2)


def test_the_temperature_begins_as_clips_and_is_trained():
    (log_scale,) = ContrastiveLoss().trainable_variables

    np.testing.assert_allclose(math.exp(log_scale.numpy()), FIRST_SCALE, rtol=1e-6)


def test_the_optimizer_never_takes_the_scale_above_100():
    built = ContrastiveLoss()
    optimizer = keras.optimizers.SGD(1.0)

    optimizer.apply([tf.constant(-50.0)], built.trainable_variables)

    np.testing.assert_allclose(math.exp(built.log_scale.numpy()), 100.0, rtol=1e-5)


# Gradients of the embeddings and of the temperature, for each kind of negatives.

QUERIES, PAIRS, DIM = 4, 7, 3
# The second and the fourth query are sentences of one image, and so is a negative of --negatives=epoch.
IMAGE_ROWS = np.array([10, 11, 12, 11, 13, 11, 14], np.int32)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def plain_loss_of_embeddings(images, captions, log_scale, negatives):
    total = 0.0
    for own, others in ((images, captions), (captions, images)):
        for query in range(QUERIES):
            candidates = range(QUERIES, len(images)) if negatives == "epoch" else range(QUERIES)
            kept = [own[query] @ others[c] for c in candidates if IMAGE_ROWS[c] != IMAGE_ROWS[query]]
            if negatives == "hardest":
                kept = [max(kept)]
            positive = images[query] @ captions[query]
            total += math.log1p(sum(math.exp(math.exp(log_scale) * (value - positive)) for value in kept))
    return total


def slopes(array, function, step=1e-6):
    """Central differences in float64."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = function()
        array[index] = kept - step
        below = function()
        array[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


@pytest.mark.parametrize("negatives", config.NEGATIVES)
@pytest.mark.parametrize("seed", range(2))
def test_gradients_of_embeddings_and_temperature_are_the_slopes_of_the_loss(negatives, seed):
    count = PAIRS if negatives == "epoch" else QUERIES
    images, captions = unit(np.random.default_rng(seed).normal(size=(2, count, DIM)))
    log_scale = np.array(math.log(5.0))
    built = loss_of_scale(5.0)
    inputs = tf.constant(images, tf.float32), tf.constant(captions, tf.float32)

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = loss_of_embeddings(built, *inputs, IMAGE_ROWS[:count], QUERIES, negatives)
    gradients = tape.gradient(value, [*inputs, built.log_scale.value])

    def plain():
        return plain_loss_of_embeddings(images, captions, float(log_scale), negatives)

    np.testing.assert_allclose(float(value), plain(), rtol=1e-5)
    for gradient, array in zip(gradients, (images, captions, log_scale), strict=True):
        np.testing.assert_allclose(gradient.numpy(), slopes(array, plain), rtol=1e-4, atol=1e-4)


def test_a_training_with_a_temperature_goes_on_with_the_temperature_it_had(tmp_path, scenes_inputs, monkeypatch):
    stopped_trainings.check_that_stopping_changes_nothing(
        tmp_path, scenes_inputs, monkeypatch, train={"loss": "softmax"}
    )
