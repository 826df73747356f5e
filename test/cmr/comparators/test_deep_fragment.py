"""Deep Fragment's fragments, objective and score, against references in plain float64."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from fragmented_examples import built, image_fragments, split, words_of
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.comparators import deep_fragment
from cmr.comparators.deep_fragment import DeepFragment
from cmr.comparators.settings.fragments import DeepFragmentSettings


def reference_score(system, train, image, caption):
    """`S_kl`, one product at a time."""
    vectors = system.given.word_vectors.vectors.astype(np.float64)
    kernel, bias = system.model.get_layer("text_encoder").get_layer("bigrams").get_weights()
    words = words_of(train, caption)
    regions = image_fragments(system, train, image)
    total = 0.0
    for first, second in itertools.pairwise(words):
        fragment = np.maximum(np.concatenate([vectors[first], vectors[second]]) @ kernel + bias, 0)
        total += sum(max(0.0, region @ fragment) for region in regions)
    return total / (len(regions) * (len(words) - 1 + system.settings.smoothing))


def test_a_score_is_the_mean_of_the_positive_products():
    train = split()
    system = built(DeepFragment, DeepFragmentSettings(dim=8), "deep_fragment", train)

    scores = system.similarities(train).folds[0]

    expected = [
        [reference_score(system, train, image, caption) for caption in range(train.num_captions)]
        for image in range(train.num_images)
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)


def reference_objective(products, mask, image_of, is_mil):
    """`C_F`: for each fragment of a sentence the y of least cost, of which one is positive within its image."""
    positives, negatives = [], []
    num_pairs, num_regions = products.shape[:2]
    for sentence in range(num_pairs):
        for fragment in np.flatnonzero(mask[sentence]):
            for image in range(num_pairs):
                column = products[image, :, sentence, fragment]
                if image_of[image] != image_of[sentence]:
                    signs = -np.ones(num_regions)
                elif not is_mil:
                    signs = np.ones(num_regions)
                else:
                    signs = np.where(column > 0, 1.0, -1.0)
                    if (signs < 0).all():
                        signs[np.argmax(column)] = 1.0
                for sign, product in zip(signs, column, strict=True):
                    (positives if sign > 0 else negatives).append(max(0.0, 1 - sign * product))
    return sum(np.mean(hinges) if hinges else 0.0 for hinges in (positives, negatives))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), is_mil=st.booleans(), shift=st.sampled_from([-3.0, -0.5, 0.0, 1.0]))
def test_the_fragment_objective_is_the_least_over_what_may_be_aligned(seed, is_mil, shift):
    random = np.random.default_rng(seed)
    products = random.normal(shift, 1.5, size=(4, 3, 4, 5))
    mask = np.arange(5) < random.integers(0, 6, 4)[:, None]
    image_of = random.integers(0, 4, 4)

    objective = deep_fragment.fragment_objective(
        tf.constant(products), tf.constant(mask), tf.constant(image_of[:, None] == image_of), tf.constant(is_mil)
    )

    np.testing.assert_allclose(objective, reference_objective(products, mask, image_of, is_mil), rtol=1e-10)


@pytest.mark.parametrize("is_mil", [False, True])
def test_the_fragment_objectives_gradient_is_that_of_its_differences(is_mil):
    random = np.random.default_rng(5)
    products = random.normal(size=(3, 2, 3, 4))
    mask, image_of = np.arange(4) < np.array([[4], [2], [3]]), np.array([0, 1, 2])

    def objective(values):
        same_image = tf.constant(image_of[:, None] == image_of)
        return deep_fragment.fragment_objective(values, tf.constant(mask), same_image, tf.constant(is_mil))

    values = tf.constant(products)
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = objective(values)
    gradient = tape.gradient(loss, values).numpy()

    step = 1e-6
    for place in np.ndindex(*products.shape):
        change = np.zeros_like(products)
        change[place] = step
        difference = (objective(values + change) - objective(values - change)) / (2 * step)
        np.testing.assert_allclose(gradient[place], difference, atol=1e-6)


def test_multiple_instances_begin_with_their_epoch():
    train = split(num_images=8)
    system = built(DeepFragment, DeepFragmentSettings(dim=8, batch_size=4, mil_epoch=2), "deep_fragment", train)

    assert [bool(next(system.batches(train, epoch, 0))["is_mil"]) for epoch in range(4)] == [False, False, True, True]
