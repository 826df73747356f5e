"""The packed recurrence against plain loops in float64: states, gradients by differences."""

import numpy as np
import pytest
import tensorflow as tf
from gradients import differences

from cmr.recurrent import padding
from cmr.retrieval import recurrence

UNITS = 3
LENGTHS = [2, 5, 1, 5, 3]


def mask_of(lengths):
    return np.arange(max(lengths))[None, :] < np.array(lengths)[:, None]


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def plain_before(words, gates_kernel, candidate_kernel):
    """Eq. 2 for one sentence: `[time, 3 * units]` to `[time, units]`, float64."""
    state, states = np.zeros(UNITS), []
    for word in words:
        gates = sigmoid(word[: 2 * UNITS] + state @ gates_kernel)
        update, reset = gates[:UNITS], gates[UNITS:]
        candidate = np.tanh(word[2 * UNITS :] + (reset * state) @ candidate_kernel)
        state = update * state + (1 - update) * candidate
        states.append(state)
    return np.array(states)


def plain_after(words, kernel, bias):
    state, states = np.zeros(UNITS), []
    for word in words:
        recurrent = state @ kernel + bias
        gates = sigmoid(word[: 2 * UNITS] + recurrent[: 2 * UNITS])
        update, reset = gates[:UNITS], gates[UNITS:]
        candidate = np.tanh(word[2 * UNITS :] + reset * recurrent[2 * UNITS :])
        state = update * state + (1 - update) * candidate
        states.append(state)
    return np.array(states)


FORMS = {
    "before": (recurrence.reset_before, plain_before, ((UNITS, 2 * UNITS), (UNITS, UNITS))),
    "after": (recurrence.reset_after, plain_after, ((UNITS, 3 * UNITS), (3 * UNITS,))),
}


def drawn(form, seed=0):
    """Padded projected words `[batch, time, 3 * units]` and the form's two weights, float64."""
    random = np.random.default_rng(seed)
    words = random.normal(size=(len(LENGTHS), max(LENGTHS), 3 * UNITS))
    return words, [random.normal(size=shape) for shape in FORMS[form][2]]


def packed_states(form, words, weights, backwards=False):
    packing = padding.pack(tf.constant(mask_of(LENGTHS)), backwards)
    projected = tf.gather_nd(words, packing.places)
    return FORMS[form][0](projected, packing.rows, *weights, tf.float32), packing


def plain_states(form, words, weights, backwards=False):
    """`[batch, time, units]` float64, zeros where padded."""
    states = np.zeros((len(LENGTHS), max(LENGTHS), UNITS))
    for row, length in enumerate(LENGTHS):
        sentence = words[row, :length]
        read = FORMS[form][1](sentence[::-1] if backwards else sentence, *weights)
        states[row, :length] = read[::-1] if backwards else read
    return states


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_state_is_that_of_the_equations(form, backwards):
    words, weights = drawn(form)

    states, packing = packed_states(form, tf.constant(words, tf.float32), to_float32(weights), backwards)
    unpacked = padding.unpack(states, packing, tf.constant(mask_of(LENGTHS).shape))

    np.testing.assert_allclose(unpacked, plain_states(form, words, weights, backwards), atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_the_last_state_is_the_one_behind_a_sentences_last_word(form):
    words, weights = drawn(form)

    states, packing = packed_states(form, tf.constant(words, tf.float32), to_float32(weights))

    expected = plain_states(form, words, weights)[np.arange(len(LENGTHS)), np.array(LENGTHS) - 1]
    np.testing.assert_allclose(padding.last_states(states, packing), expected, atol=1e-5)


def to_float32(weights):
    return [tf.constant(weight, tf.float32) for weight in weights]


@pytest.mark.parametrize("last_alone", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_that_of_the_equations(form, last_alone):
    words, weights = drawn(form)
    given_to = np.random.default_rng(1).normal(size=(len(LENGTHS), max(LENGTHS), UNITS)) * mask_of(LENGTHS)[..., None]
    if last_alone:
        given_to *= (np.arange(max(LENGTHS))[None, :] == np.array(LENGTHS)[:, None] - 1)[..., None]
    variables = [tf.constant(value, tf.float32) for value in (words, *weights)]

    with tf.GradientTape() as tape:
        tape.watch(variables)
        states, packing = packed_states(form, variables[0], variables[1:])
        if last_alone:
            last = given_to[np.arange(len(LENGTHS)), np.array(LENGTHS) - 1]
            total = tf.reduce_sum(padding.last_states(states, packing) * last)
        else:
            total = tf.reduce_sum(states * tf.gather_nd(tf.constant(given_to, tf.float32), packing.places))
    gradients = tape.gradient(total, variables)

    def value(*changed):
        return np.sum(plain_states(form, changed[0], changed[1:]) * given_to)

    for place, gradient in enumerate(gradients):
        np.testing.assert_allclose(gradient, differences(value, [words, *weights], place), atol=2e-4)


def test_bfloat16_factors_change_the_states_by_their_rounding_alone():
    words, weights = drawn("before")
    packing = padding.pack(tf.constant(mask_of(LENGTHS)))
    projected = tf.gather_nd(tf.constant(words, tf.float32), packing.places)

    exact, rounded = (
        recurrence.reset_before(projected, packing.rows, *to_float32(weights), precision)
        for precision in (tf.float32, tf.bfloat16)
    )

    assert rounded.dtype == tf.float32
    assert 0 < np.abs(rounded - exact).max() < 0.05
