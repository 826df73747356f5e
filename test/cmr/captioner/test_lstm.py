"""The packed LSTM against plain loops in float64, and a batch's states against the Keras model's."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from gradients import differences
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.captioner.lstm import hidden_states, packed_states
from cmr.captioner.model import LOGITS, captioner_model
from cmr.config import CaptionerConfig
from cmr.recurrent import padding

UNITS = 3
LENGTHS = [2, 5, 1, 5, 3]
MASK = np.arange(max(LENGTHS))[None, :] < np.array(LENGTHS)[:, None]
FEATURE_DIM, WORDS = 4, 9


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def plain_states(words, kernel):
    """The equations of `model.LstmCell`, sentence by sentence: `[batch, time, units]` float64, zeros where padded."""
    states = np.zeros((len(LENGTHS), max(LENGTHS), UNITS))
    for sentence, length in enumerate(LENGTHS):
        hidden = memory = np.zeros(UNITS)
        for place in range(length):
            i, f, c, o = np.split(words[sentence, place] + hidden @ kernel, 4)
            memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(c)
            hidden = sigmoid(o) * np.tanh(memory)
            states[sentence, place] = hidden
    return states


def packed(words, kernel):
    packing = padding.pack(tf.constant(MASK))
    return hidden_states(tf.gather_nd(words, packing.places), packing.rows, kernel), packing


@pytest.fixture(scope="module")
def drawn():
    """Padded projected words `[batch, time, 4 * units]` and the recurrent kernel, float64."""
    random = np.random.default_rng(0)
    return random.normal(size=(len(LENGTHS), max(LENGTHS), 4 * UNITS)), random.normal(size=(UNITS, 4 * UNITS))


def test_every_state_is_that_of_the_equations(drawn):
    states, packing = packed(*(tf.constant(value, tf.float32) for value in drawn))

    unpacked = padding.unpack(states, packing, tf.constant(MASK.shape))

    np.testing.assert_allclose(unpacked, plain_states(*drawn), atol=1e-5)


def test_the_gradient_is_that_of_the_equations(drawn):
    upstream = np.random.default_rng(1).normal(size=(*MASK.shape, UNITS)) * MASK[..., None]
    variables = [tf.constant(value, tf.float32) for value in drawn]

    with tf.GradientTape() as tape:
        tape.watch(variables)
        states, packing = packed(*variables)
        total = tf.reduce_sum(states * tf.gather_nd(tf.constant(upstream, tf.float32), packing.places))

    for place, gradient in enumerate(tape.gradient(total, variables)):
        expected = differences(lambda *changed: np.sum(plain_states(*changed) * upstream), list(drawn), place)
        np.testing.assert_allclose(gradient, expected, atol=2e-4)


def captioner(**changed):
    model = captioner_model(CaptionerConfig(FEATURE_DIM, WORDS, 5, 6, **changed))
    random = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return model


def batch_of(captions):
    padded = np.zeros((len(captions), max(map(len, captions))), np.int32)
    for row, caption in enumerate(captions):
        padded[row, : len(caption)] = caption
    features = np.random.default_rng(3).normal(size=(len(captions), FEATURE_DIM))
    return {"image_features": tf.constant(features, tf.float32), "caption": tf.constant(padded)}


@pytest.fixture(scope="module", params=["features as they are", "scaled", "whitened and scaled"])
def model(request):
    model = captioner(feature_scale=0.25 if "scaled" in request.param else 1.0, whitened="whitened" in request.param)
    if "whitened" in request.param:
        kernel = np.random.default_rng(4).normal(size=(FEATURE_DIM, FEATURE_DIM))
        model.get_layer("image_whitening").kernel.assign(kernel)
    return model


@settings(max_examples=25, deadline=None)
@given(captions=st.lists(st.lists(st.integers(1, WORDS - 1), min_size=1, max_size=6), min_size=1, max_size=5))
def test_the_words_that_follow_are_as_probable_as_the_models_logits_say(model, captions):
    batch = batch_of(captions)

    states, words, sentences = packed_states(model)(batch, False)

    expected = model(batch, training=False).numpy()
    places = [0] * len(captions)
    for word, sentence, logits in zip(
        words.numpy(), sentences.numpy(), model.get_layer(LOGITS)(states).numpy(), strict=True
    ):
        assert word == captions[sentence][places[sentence]]
        np.testing.assert_allclose(logits, expected[sentence, places[sentence]], atol=2e-4)
        places[sentence] += 1
    assert places == [len(caption) for caption in captions]


def test_a_word_has_one_dropout_mask_in_a_batch_wherever_it_stands():
    """Ten equal sentences; W_img and the output's dropout are zero, so that nothing else could tell them apart."""
    keras.utils.set_random_seed(0)
    model = captioner(dropout=0.5)
    model.get_layer("lstm_dropout").rate = 0
    model.get_layer("image_embedding").kernel.assign(np.zeros((FEATURE_DIM, 5)))
    run = packed_states(model)
    batch = batch_of([[4, 4, 4]] * 10)

    states = run(batch, True).states.numpy().reshape(3, 10, -1)

    np.testing.assert_allclose(states, np.repeat(states[:, :1], 10, axis=1), atol=1e-6)
    assert not np.allclose(states, run(batch, True).states.numpy().reshape(3, 10, -1))
