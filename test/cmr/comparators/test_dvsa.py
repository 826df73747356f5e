"""DVSA's words in context and score, against references in plain float64."""

import numpy as np
import tensorflow as tf
from fragmented_examples import built, image_fragments, split, words_of

from cmr.comparators.dvsa import Dvsa
from cmr.comparators.settings.fragments import DvsaSettings


def relu(values):
    return np.maximum(values, 0)


def weights(system, name):
    layer = system.model.get_layer("text_encoder").get_layer(name)
    return [array.astype(np.float64) for array in layer.get_weights()]


def reference_words(system, words):
    """`s_t` of the words of a sentence, one step at a time."""
    embed, bias_e = weights(system, "word_map")
    forwards, bias_f = weights(system, "forwards")
    backwards, bias_b = weights(system, "backwards")
    output, bias_d = weights(system, "words_in_context")
    inputs = relu(system.given.word_vectors.vectors[words].astype(np.float64) @ embed + bias_e)
    states_f, states_b = np.zeros_like(inputs), np.zeros_like(inputs)
    state = np.zeros(inputs.shape[1])
    for step in range(len(words)):
        states_f[step] = state = relu(inputs[step] + state @ forwards + bias_f)
    state = np.zeros(inputs.shape[1])
    for step in reversed(range(len(words))):
        states_b[step] = state = relu(inputs[step] + state @ backwards + bias_b)
    return relu((states_f + states_b) @ output + bias_d)


def test_a_score_is_the_sum_over_the_words_of_the_best_region():
    train = split()
    system = built(Dvsa, DvsaSettings(dim=8), "dvsa", train)

    scores = system.similarities(train).folds[0]

    for image in range(train.num_images):
        regions = image_fragments(system, train, image)
        for caption in range(train.num_captions):
            # The end word is none.
            words = reference_words(system, words_of(train, caption)[:-1])
            expected = sum(max(region @ word for region in regions) for word in words)
            np.testing.assert_allclose(scores[image, caption], expected, rtol=1e-4, atol=1e-5)


def test_a_scores_gradient_is_that_of_its_differences():
    train = split()
    system = built(Dvsa, DvsaSettings(dim=8), "dvsa", train)
    random = np.random.default_rng(2)
    products = random.normal(size=(2, 3, 4, 5))
    mask = tf.constant(np.arange(5) < np.array([[5], [2], [1], [0]]))
    weighting = random.normal(size=(2, 4))

    def value(array):
        return tf.reduce_sum(system.pair_scores(array, mask) * weighting)

    values = tf.constant(products)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = value(values)
    gradient = tape.gradient(total, values).numpy()

    for place in np.ndindex(*products.shape):
        change = np.zeros_like(products)
        change[place] = 1e-6
        difference = (value(values + change) - value(values - change)) / 2e-6
        np.testing.assert_allclose(gradient[place], difference, atol=1e-6)
