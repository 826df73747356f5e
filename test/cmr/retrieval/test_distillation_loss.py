"""The contrastive loss with teachers, against plain loops in float64, and its gradients against differences."""

import math

import gradients
import keras
import numpy as np
import pytest
import random_teachers
import stopped_trainings
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from random_similarities import similarities

from cmr import config
from cmr.config import DistillationConfig
from cmr.retrieval.losses import ContrastiveLoss
from cmr.retrieval.step import loss_of_embeddings

FIRST_SCALE = 1 / 0.07


def softmax(logits):
    exponentials = np.exp(logits - np.max(logits))
    return exponentials / exponentials.sum()


def cross_entropy(own, of_teacher, scale, weight, temperature):
    """Of one query: its positive first, then its negatives."""
    log_likelihoods = np.log(softmax(scale * own))
    target = weight * softmax(of_teacher / temperature)
    target[0] += 1 - weight
    return -np.sum(target * log_likelihoods)


def plain_loss(values, of_teachers, weight, temperature, scale=FIRST_SCALE):
    positives, *negatives, captions_mask, images_mask = (value.astype(np.float64) for value in values)
    taught, *taught_negatives = (value.astype(np.float64) for value in of_teachers)
    total = 0.0
    for side, mask in enumerate((captions_mask, images_mask)):
        for query, kept in enumerate(mask.astype(bool)):
            own = np.append(positives[query], negatives[side][query][kept])
            of_teacher = np.append(taught[query], taught_negatives[side][query][kept])
            total += cross_entropy(own, of_teacher, scale, weight, temperature)
    return total


def of_teachers(seed):
    return similarities(seed)[:3]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    weight=st.floats(0.0, 1.0),
    temperature=st.floats(0.01, 10.0),
    reduction=st.sampled_from(config.REDUCTIONS),
)
def test_the_loss_is_the_cross_entropy_of_targets_that_teachers_share(seed, weight, temperature, reduction):
    values, taught = similarities(seed), of_teachers(seed + 1)

    measured = float(ContrastiveLoss(reduction, 1, weight, temperature)(*values, taught))

    expected = plain_loss(values, taught, weight, temperature) / (4 if reduction == "mean" else 1)
    np.testing.assert_allclose(measured, expected, rtol=1e-4, atol=1e-4)


def test_teachers_without_weight_change_nothing():
    values = similarities(0)

    measured = float(ContrastiveLoss("sum", 1, 0.0)(*values, of_teachers(1)))

    np.testing.assert_allclose(measured, float(ContrastiveLoss()(*values)), rtol=1e-6)


def test_teachers_who_are_sure_of_every_pair_say_what_the_pairs_say():
    values = similarities(0)
    sure = np.ones(4, np.float32), *(np.zeros_like(each) for each in values[1:3])

    measured = float(ContrastiveLoss("sum", 1, 0.7, 0.01)(*values, sure))

    np.testing.assert_allclose(measured, float(ContrastiveLoss()(*values)), rtol=1e-6)


def test_what_is_no_negative_does_not_reach_the_loss_however_near_teachers_find_it():
    values, taught = similarities(1), of_teachers(2)
    built = ContrastiveLoss()
    before = float(built(*values, taught))

    taught[1][~values[3]] = 1e6

    assert float(built(*values, taught)) == before


def test_a_student_who_says_what_its_teachers_say_has_nothing_to_learn():
    values = similarities(3)
    temperature = 0.2
    # t s = s' / T.
    agreeing = [tf.constant(each / temperature / FIRST_SCALE) for each in values[:3]]

    with tf.GradientTape() as tape:
        tape.watch(agreeing)
        loss = ContrastiveLoss("sum", 1, 1.0, temperature)(*agreeing, *values[3:], values[:3])

    for gradient in tape.gradient(loss, agreeing):
        np.testing.assert_allclose(gradient, np.zeros_like(gradient), atol=1e-5)


def test_the_layer_is_made_again_from_its_config():
    again = keras.layers.deserialize(keras.layers.serialize(ContrastiveLoss("mean", 2, 0.25, 0.5)))

    assert (again.distillation_weight, again.distillation_temperature) == (0.25, 0.5)


# Gradients of the embeddings, for each kind of negatives.

QUERIES, PAIRS, DIM, WEIGHT, TEMPERATURE, SCALE = 4, 7, 3, 0.4, 0.3, 5.0
# The second and the fourth query are sentences of one image, and so is a negative of --negatives=epoch.
IMAGE_ROWS = np.array([10, 11, 12, 11, 13, 11, 14], np.int32)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def plain_loss_of_embeddings(images, captions, of_teachers, negatives):
    total = 0.0
    taught = of_teachers[0] @ of_teachers[1].T
    for own, others, of_teacher in ((images, captions, taught), (captions, images, taught.T)):
        for query in range(QUERIES):
            candidates = range(QUERIES, len(images)) if negatives == "epoch" else range(QUERIES)
            kept = [c for c in candidates if IMAGE_ROWS[c] != IMAGE_ROWS[query]]
            if negatives == "hardest":
                kept = [max(kept, key=lambda c, query=query, own=own, others=others: own[query] @ others[c])]
            similar = np.array([images[query] @ captions[query], *(own[query] @ others[c] for c in kept)])
            wanted = of_teacher[query][[query, *kept]]
            total += cross_entropy(similar, wanted, SCALE, WEIGHT, TEMPERATURE)
    return total


@pytest.mark.parametrize("negatives", config.NEGATIVES)
@pytest.mark.parametrize("seed", range(2))
def test_gradients_of_embeddings_are_the_slopes_of_the_loss(negatives, seed):
    count = PAIRS if negatives == "epoch" else QUERIES
    random = np.random.default_rng(seed)
    images, captions = unit(random.normal(size=(2, count, DIM)))
    taught = unit(random.normal(size=(2, count, 5)))
    built = ContrastiveLoss("sum", 1, WEIGHT, TEMPERATURE)
    built.log_scale.assign(math.log(SCALE))
    inputs = tf.constant(images, tf.float32), tf.constant(captions, tf.float32)

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = loss_of_embeddings(
            built, *inputs, IMAGE_ROWS[:count], QUERIES, negatives, [tf.constant(each, tf.float32) for each in taught]
        )

    def plain(*embeddings):
        return plain_loss_of_embeddings(*embeddings, taught, negatives)

    np.testing.assert_allclose(float(value), plain(images, captions), rtol=1e-5)
    for place, gradient in enumerate(tape.gradient(value, inputs)):
        expected = gradients.differences(plain, [images, captions], place)
        np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-3, atol=1e-4)


def test_a_training_with_teachers_goes_on_to_what_it_would_have_come_to(tmp_path, scenes_inputs, monkeypatch):
    stopped_trainings.check_that_stopping_changes_nothing(
        tmp_path,
        scenes_inputs,
        monkeypatch,
        train={"loss": "softmax"},
        distillation=DistillationConfig({}),
        teachers=random_teachers.rows_of(scenes_inputs.split("train")),
    )
