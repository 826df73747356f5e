"""Word dropout: which words go, how many, when, and that a saved state draws the same again."""

import keras
import numpy as np
import pytest
import stopped_trainings

from cmr.retrieval.text_encoder import WordDropout
from cmr.workspace import vocabulary

# 4,000 sentences of two words each.
CAPTIONS = np.tile(np.array([[5, 7, vocabulary.END_ID, vocabulary.PAD_ID]], np.int32), (4000, 1))


def trained(rate):
    return keras.ops.convert_to_numpy(WordDropout(rate)(CAPTIONS, training=True))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9])
def test_a_word_becomes_unknown_with_the_rate(rate):
    words = trained(rate)[:, :2]

    assert set(np.unique(words)) <= {vocabulary.UNK_ID, 5, 7}
    np.testing.assert_allclose((words == vocabulary.UNK_ID).mean(axis=0), rate, atol=0.03)


def test_the_words_of_a_sentence_are_drawn_by_themselves():
    gone = trained(0.5)[:, :2] == vocabulary.UNK_ID

    np.testing.assert_allclose(gone.all(axis=1).mean(), 0.25, atol=0.03)


def test_the_end_word_and_padding_stay():
    np.testing.assert_array_equal(trained(0.9)[:, 2:], CAPTIONS[:, 2:])


def test_nothing_goes_outside_training():
    kept = WordDropout(0.9)(CAPTIONS)

    np.testing.assert_array_equal(kept, CAPTIONS)
    assert keras.backend.standardize_dtype(kept.dtype) == "int32"


def test_every_step_draws_anew():
    layer = WordDropout(0.5)

    first, second = (keras.ops.convert_to_numpy(layer(CAPTIONS, training=True)) for _ in range(2))

    assert (first != second).any()


def test_a_saved_state_draws_the_same_words_again():
    layer = WordDropout(0.5)
    state = layer.seed_generator.state.numpy()
    expected = keras.ops.convert_to_numpy(layer(CAPTIONS, training=True))

    layer.seed_generator.state.assign(state)

    np.testing.assert_array_equal(layer(CAPTIONS, training=True), expected)


def test_a_training_with_word_dropout_goes_on_with_the_words_it_would_have_dropped(
    tmp_path, scenes_inputs, monkeypatch
):
    stopped_trainings.check_that_stopping_changes_nothing(
        tmp_path, scenes_inputs, monkeypatch, model={"word_dropout": 0.3}
    )
