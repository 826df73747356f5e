"""log p of some words, against a float64 softmax over all of them."""

import numpy as np
import pytest
import tensorflow as tf

from cmr.comparators import word_softmax
from cmr.comparators.word_softmax import WordSoftmax

UNITS, WORDS = 5, 11


@pytest.fixture
def weights():
    random = np.random.default_rng(3)
    return random.normal(size=(UNITS, WORDS)).astype(np.float32), random.normal(size=WORDS).astype(np.float32)


STATES = np.random.default_rng(4).normal(size=(3, 4, UNITS)).astype(np.float32)
NODE, WORD = np.array([0, 0, 3], np.int32), np.array([7, 2, 10], np.int32)


def reference(weights):
    kernel, bias = (array.astype(np.float64) for array in weights)
    logits = STATES.astype(np.float64) @ kernel + bias
    log_p = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    return log_p[:, NODE, WORD]


def test_the_log_probabilities_are_those_of_a_softmax_over_all_words(weights):
    log_p = WordSoftmax(*weights).log_probabilities(tf.constant(STATES), NODE, WORD)

    np.testing.assert_allclose(log_p, reference(weights), rtol=1e-5)


def test_blocks_of_states_change_nothing(weights, monkeypatch):
    monkeypatch.setattr(word_softmax, "_STATES_AT_ONCE", 5)

    log_p = WordSoftmax(*weights).log_probabilities(tf.constant(STATES), NODE, WORD)

    np.testing.assert_allclose(log_p, reference(weights), rtol=1e-5)


def test_with_bfloat16_the_normaliser_is_a_little_off(weights):
    log_p = WordSoftmax(*weights, bfloat16=True).log_probabilities(tf.constant(STATES), NODE, WORD)

    np.testing.assert_allclose(log_p, reference(weights), atol=0.03)
    assert np.abs(log_p - reference(weights)).max() > 1e-4
