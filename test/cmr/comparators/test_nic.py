"""NIC's scores of all pairs by blocks, against one pair at a time in float64 NumPy."""

import numpy as np
import pytest

from cmr.captioner.model import captioner_model
from cmr.comparators import language_model
from cmr.comparators.nic import CaptionerStates
from cmr.comparators.prefix_tree import PrefixTree
from cmr.config import CaptionerConfig

SENTENCES = [(5, 3, 2), (5, 3, 4, 2), (2,), (6, 2), (5, 4, 3, 6, 2)]
LENGTHS = np.array([len(words) for words in SENTENCES])
CAPTIONS = np.array([[*words, *[0] * (5 - len(words))] for words in SENTENCES], np.int32)
FEATURES = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    model = captioner_model(CaptionerConfig(4, 7, 3, 2, feature_scale=0.5))
    random = np.random.default_rng(2)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    return model


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_p(model, features, words):
    """log p of one sentence given one image: the equations of `captioner_model`, a word at a time."""
    weights = {
        name: [w.astype(np.float64) for w in model.get_layer(name).get_weights()]
        for name in ("image_embedding", "word_embedding", "lstm_input", "lstm", "logits")
    }
    (image_kernel,), (table,), (kernel, bias) = (
        weights[n] for n in ("image_embedding", "word_embedding", "lstm_input")
    )
    (recurrent,), (out, out_bias) = weights["lstm"], weights["logits"]
    h, c = np.zeros(2), np.zeros(2)
    total = 0.0
    inputs = [0.5 * features.astype(np.float64) @ image_kernel] + [table[word] for word in (7, *words[:-1])]
    for step, x in enumerate(inputs):
        i, f, g, o = np.split(x @ kernel + bias + h @ recurrent, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        if step:
            logits = h @ out + out_bias
            total += logits[words[step - 1]] - np.log(np.sum(np.exp(logits)))
    return total


def scores_of(model):
    states = CaptionerStates(model)
    tree = PrefixTree.of_sentences(CAPTIONS, LENGTHS, states.start_id)
    return language_model.log_probabilities(states, FEATURES, tree)


def test_block_scores_are_those_of_one_pair_at_a_time(model):
    expected = [[log_p(model, image, words) for words in SENTENCES] for image in FEATURES]

    np.testing.assert_allclose(scores_of(model), expected, rtol=1e-5)


def test_the_number_of_images_at_once_changes_nothing(model, monkeypatch):
    together = scores_of(model)

    monkeypatch.setattr(language_model, "_STATES_AT_ONCE", 1)

    np.testing.assert_allclose(scores_of(model), together, rtol=1e-6)


def test_a_marginal_is_the_mean_probability():
    probabilities = np.array([[0.5, 1e-300], [0.25, 3e-300]])

    marginals = language_model.log_marginals(np.log(probabilities))

    np.testing.assert_allclose(marginals, np.log([0.375, 2e-300]))


def test_marginals_of_sentences_that_no_image_makes_likely_are_finite():
    np.testing.assert_allclose(language_model.log_marginals(np.array([[-2000.0], [-2000.0]])), [-2000.0])
