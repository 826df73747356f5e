"""Sentences as pooled states, against float64 NumPy readings; padding counts for nothing."""

import functools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr import config
from cmr.config import ModelConfig
from cmr.retrieval import model
from cmr.retrieval.text_encoder import pooled, text_encoder

WORDS, WORD_DIM, UNITS = 9, 5, 4
CAPTIONS = np.array([[3, 8, 4, 2], [5, 2, 0, 0], [7, 6, 2, 0]], np.int32)


@functools.cache
def encoder(pooling, reset_after, bidirectional=False):
    """Weights of U(-0.08, 0.08) would leave all states nearly equal."""
    built = text_encoder(WORDS, WORD_DIM, UNITS, reset_after, pooling, bidirectional)
    random = np.random.default_rng(3)
    built.set_weights([random.normal(size=weight.shape) for weight in built.weights])
    return built


def weights_of(built):
    """By path; Keras numbers the cells of one process."""
    return {re.sub(r"_cell_\d+/", "_cell/", weight.path): weight.numpy().astype(np.float64) for weight in built.weights}


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def states(words, weights, reset_after, gru="gru"):
    """The states after each word: Eq. 2, or cuDNN's form of it.

    Args:
      words: `[time]` ids without padding.
      weights: float64 by path.
      reset_after: which form.
      gru: the layer's name.
    """
    if reset_after:
        kernel, recurrent = weights[f"{gru}/gru_cell/kernel"], weights[f"{gru}/gru_cell/recurrent_kernel"]
        bias, recurrent_bias = weights[f"{gru}/gru_cell/bias"]
    else:
        kernel, bias, recurrent_bias = weights[f"{gru}_input/kernel"], weights[f"{gru}_input/bias"], np.zeros(3 * UNITS)
        cell = f"{gru}/reset_before_cell/"
        recurrent = np.concatenate([weights[f"{cell}gates_kernel"], weights[f"{cell}candidate_kernel"]], axis=1)
    (u_z, u_r, u_h), (b_z, b_r, b_h) = np.split(recurrent, 3, axis=1), np.split(recurrent_bias, 3)
    state, every_state = np.zeros(UNITS), []
    for x in weights["word_embedding/embeddings"][words] @ kernel + bias:
        x_z, x_r, x_h = np.split(x, 3)
        z, r = sigmoid(x_z + state @ u_z + b_z), sigmoid(x_r + state @ u_r + b_r)
        candidate = np.tanh(x_h + (r * (state @ u_h + b_h) if reset_after else (r * state) @ u_h))
        state = z * state + (1 - z) * candidate
        every_state.append(state)
    return np.array(every_state)


def plain_attention(every_state, scores):
    weights = np.exp(scores) / np.sum(np.exp(scores))
    return sum(weight * state for weight, state in zip(weights, every_state, strict=True))


@pytest.mark.parametrize("reset_after", [False, True])
def test_the_mean_of_the_states_of_all_words_is_the_sentence(reset_after):
    built = encoder("mean", reset_after)

    embeddings = built(CAPTIONS).numpy()

    of_words = [states(caption[caption != 0], weights_of(built), reset_after) for caption in CAPTIONS]
    np.testing.assert_allclose(
        embeddings, [unit(every_state.mean(axis=0)) for every_state in of_words], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("reset_after", [False, True])
def test_attention_weighs_the_states_by_the_softmax_of_their_scores(reset_after):
    built = encoder("attention", reset_after)
    score = weights_of(built)["attention_score/kernel"][:, 0]

    embeddings = built(CAPTIONS).numpy()

    of_words = [states(caption[caption != 0], weights_of(built), reset_after) for caption in CAPTIONS]
    expected = [unit(plain_attention(every_state, every_state @ score)) for every_state in of_words]
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reset_after", [False, True])
def test_the_last_states_of_both_directions_are_averaged(reset_after):
    built = encoder("last", reset_after, bidirectional=True)

    embeddings = built(CAPTIONS).numpy()

    ends = [[every_state[-1] for every_state in both_ways(caption, built, reset_after)] for caption in CAPTIONS]
    expected = [unit((forwards + backwards) / 2) for forwards, backwards in ends]
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reset_after", [False, True])
def test_the_states_of_both_directions_after_the_same_word_are_averaged(reset_after):
    built = encoder("attention", reset_after, bidirectional=True)
    score = weights_of(built)["attention_score/kernel"][:, 0]

    embeddings = built(CAPTIONS).numpy()

    of_words = [
        (forwards + backwards[::-1]) / 2
        for forwards, backwards in (both_ways(caption, built, reset_after) for caption in CAPTIONS)
    ]
    expected = [unit(plain_attention(every_state, every_state @ score)) for every_state in of_words]
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


def both_ways(caption, built, reset_after):
    """The states of each direction, in the order in which it reads."""
    words, weights = caption[caption != 0], weights_of(built)
    return states(words, weights, reset_after), states(words[::-1], weights, reset_after, "backward_gru")


def test_attention_begins_as_the_mean():
    random = np.random.default_rng(1)
    every_state = random.normal(size=(3, 4, UNITS)).astype(np.float32)
    mask = CAPTIONS != 0

    attended, mean = (pooled(every_state, mask, pooling) for pooling in ("attention", "mean"))

    np.testing.assert_allclose(attended, mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", config.TEXT_POOLINGS)
@pytest.mark.parametrize("reset_after", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@settings(max_examples=5, deadline=None)
@given(words=st.lists(st.integers(2, WORDS - 1), min_size=2, max_size=6), padding=st.integers(1, 5))
def test_padding_never_changes_a_sentence(pooling, reset_after, bidirectional, words, padding):
    built = encoder(pooling, reset_after, bidirectional)
    alone = np.array([words], np.int32)

    padded = np.pad(alone, ((0, 0), (0, padding)))

    np.testing.assert_allclose(built(padded).numpy(), built(alone).numpy(), rtol=1e-5, atol=1e-6)


def test_a_model_pools_as_its_settings_say():
    settings_of_model = ModelConfig(
        "vse", 3, 0, WORDS, WORD_DIM, gru_units=UNITS, text_pooling="attention", bidirectional=True
    )

    built = model.retrieval_model(settings_of_model).get_layer("text_encoder")

    assert weights_of(built).keys() == weights_of(encoder("attention", False, True)).keys()
