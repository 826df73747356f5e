"""m-CNN's loss, and its scores of all pairs by blocks, against plain NumPy."""

import dataclasses

import comparators
import numpy as np
import pytest
import tensorflow as tf

from cmr.comparators import m_cnn
from cmr.comparators.m_cnn import MCnn, ranking_loss
from cmr.comparators.m_cnn_model import ENTERS_AT
from cmr.comparators.settings.declared import unsaid
from cmr.data import input_names


def reference_loss(scores, shifts, images, margin):
    """Both directions' hinges, pair by pair."""
    size, hinges = scores.shape[1], []
    for row, shift in enumerate(shifts, start=1):
        for sentence in range(size):
            other = (sentence + shift) % size
            if images[sentence] != images[other]:
                hinges.append(max(0.0, margin - scores[0, sentence] + scores[row, sentence]))
                hinges.append(max(0.0, margin - scores[0, other] + scores[row, sentence]))
    return np.mean(hinges)


def test_the_loss_is_the_mean_hinge_of_both_directions():
    scores = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    shifts, images = np.array([1, 3]), np.array([0, 1, 1, 2, 0])
    partner = (np.arange(5) + np.array([0, *shifts])[:, None]) % 5
    is_wrong = images[partner[1:]] != images

    loss = ranking_loss(tf.constant(scores), tf.constant(partner, tf.int32), tf.constant(is_wrong), 0.5)

    np.testing.assert_allclose(loss, reference_loss(scores.astype(np.float64), shifts, images, 0.5), rtol=1e-5)


def test_a_batch_of_one_images_sentences_has_no_loss():
    scores, partner = tf.zeros([2, 3]), tf.constant([[0, 1, 2], [1, 2, 0]])

    assert float(ranking_loss(scores, partner, tf.zeros([1, 3], tf.bool), 0.5)) == 0.0


@pytest.fixture(scope="module", params=ENTERS_AT)
def system(request, scenes_inputs):
    name = m_cnn.PREFIX + request.param
    system = MCnn(comparators.small_settings(name), comparators.given(name, scenes_inputs))
    system.build(scenes_inputs.split("train"))
    random = np.random.default_rng(5)
    system.model.set_weights([random.normal(size=weight.shape) for weight in system.model.get_weights()])
    return system


def test_block_scores_are_those_of_the_whole_network_pair_by_pair(system, scenes_inputs):
    val = scenes_inputs.split("val")

    (scores,) = system.similarities(val).folds

    images, captions = (
        np.arange(val.num_images).repeat(val.num_captions),
        np.tile(np.arange(val.num_captions), val.num_images),
    )
    batch = system.batch(val, captions, np.random.default_rng(0))
    features = m_cnn.side_by_side(val, images)
    expected = system.model(
        {input_names.CAPTION: batch[input_names.CAPTION], input_names.IMAGE_FEATURES: features}, training=False
    )
    np.testing.assert_allclose(scores.ravel(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("rms", "expected"), [(0.0, None), (1.0, 1.0), (0.5, 0.5)])
def test_images_have_the_root_mean_square_that_is_asked_for(scenes_inputs, rms, expected):
    settings = dataclasses.replace(comparators.small_settings("m_cnn_st"), image_rms=rms)
    system = MCnn(settings, comparators.given("m_cnn_st", scenes_inputs))
    system.build(scenes_inputs.split("train"))
    train = scenes_inputs.split("train")

    features = system.batch(train, np.arange(12), np.random.default_rng(0))[input_names.IMAGE_FEATURES]

    # Of each of the two CNNs, or of both together.
    norms = np.linalg.norm(features, axis=1)
    np.testing.assert_allclose(norms, np.sqrt(2) if expected is None else expected * np.sqrt(24), rtol=1e-5)
    # Runs from before there was a choice are found by their settings.
    assert unsaid(settings) == (frozenset() if rms else {"image_rms"})


@pytest.mark.parametrize(("decay_epochs", "expected"), [(0, [2e-3] * 4), (2, [2e-3, 2e-3, 2e-4, 2e-4])])
def test_the_rate_falls_to_a_tenth_after_so_many_epochs(scenes_inputs, decay_epochs, expected):
    name = f"{m_cnn.PREFIX}st"
    settings = dataclasses.replace(comparators.small_settings(name), learning_rate=2e-3, decay_epochs=decay_epochs)
    system, train = MCnn(settings, comparators.given(name, scenes_inputs)), scenes_inputs.split("train")
    system.build(train)
    optimizer, rates = system.optimizer(), []
    optimizer.build([])

    for epoch in range(4):
        optimizer.iterations.assign(epoch * system.steps_per_epoch(train))
        rates.append(float(optimizer.learning_rate))

    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_the_scores_follow_the_weights(system, scenes_inputs):
    val = scenes_inputs.split("val")
    (before,) = system.similarities(val).folds

    weights = system.model.get_weights()
    system.model.set_weights([weight * 0.5 for weight in weights])
    (after,) = system.similarities(val).folds
    system.model.set_weights(weights)

    assert not np.allclose(before, after)


def test_a_batchs_wrong_images_are_different_items_of_the_batch(system, scenes_inputs):
    train = scenes_inputs.split("train")

    shifts = system.batch(train, np.arange(8), np.random.default_rng(3))["shifts"]

    assert len(set(shifts.tolist())) == len(shifts) == min(system.settings.negatives, 7)
    assert shifts.min() >= 1
    assert shifts.max() < 8
