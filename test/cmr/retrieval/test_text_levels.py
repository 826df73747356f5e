"""Levels of the sentence: n-grams, mean of words, and their sum with the GRU, against float64 NumPy readings."""

import functools
import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from stopped_trainings import check_that_stopping_changes_nothing

from cmr.config import ModelConfig
from cmr.errors import ConfigError
from cmr.retrieval import model
from cmr.retrieval.text_encoder import text_encoder
from cmr.retrieval.text_levels import NgramLevel
from cmr.workspace import vocabulary
from cmr.workspace.ngrams import Ngrams

WORDS, WORD_DIM, UNITS = 9, 5, 4
SENTENCES = [[3, 4, 5, 2], [3, 4, 3, 4, 2], [7, 3, 4, 2], [8, 2]]
NGRAMS = Ngrams.from_sentences(SENTENCES, min_count=1)
# Known and unknown pairs, a repeated one, an unknown word between two known ones; 6 is in no training sentence.
CAPTIONS = np.array([[3, 4, 3, 4, 2], [4, 3, 1, 4, 2], [7, 6, 2, 0, 0], [8, 2, 0, 0, 0]], np.int32)


@functools.cache
def encoder(levels, precision="float32"):
    built = text_encoder(WORDS, WORD_DIM, UNITS, False, "mean", precision=precision, levels=levels, ngrams=NGRAMS)
    random = np.random.default_rng(3)
    built.set_weights([random.normal(size=weight.shape) for weight in built.weights])
    return built


def weight(built, layer):
    return built.get_layer(layer).get_weights()[0].astype(np.float64)


def ngram_sum(words, kernel):
    """tf-idf of each n-gram that a training sentence holds, scaled to length 1, times the kernel."""
    ngrams = [(a, 0) for a in words] + list(itertools.pairwise(words))
    known = [ngram for ngram in ngrams if ngram in NGRAMS.rows]
    rows = [NGRAMS.rows.index(ngram) for ngram in known]
    weights = [math.log((1 + len(SENTENCES)) / (1 + NGRAMS.counts[row])) + 1 for row in rows]
    length = math.sqrt(sum(value * value for value in weights)) or 1.0
    return sum((value / length * kernel[row] for value, row in zip(weights, rows, strict=True)), np.zeros(UNITS))


def word_mean(words, table, kernel):
    own = [word for word in words if word not in (0, 2)]
    return np.mean([table[word] for word in own], axis=0) @ kernel if own else np.zeros(UNITS)


def unit(vector):
    return vector / (np.linalg.norm(vector) or 1.0)


def test_the_level_of_ngrams_is_a_linear_map_of_tf_idf():
    built = encoder(("ngrams",))

    expected = [unit(ngram_sum(list(caption), weight(built, "ngrams_fuse"))) for caption in CAPTIONS]

    np.testing.assert_allclose(built(CAPTIONS), expected, rtol=1e-5, atol=1e-6)


def test_the_level_of_words_is_a_linear_map_of_their_mean():
    built = encoder(("words",))
    table, kernel = weight(built, "word_embedding"), weight(built, "words_fuse")

    expected = [unit(word_mean(list(caption), table, kernel)) for caption in CAPTIONS]

    np.testing.assert_allclose(built(CAPTIONS), expected, rtol=1e-5, atol=1e-6)


def test_levels_are_summed_before_the_sum_is_scaled():
    built = encoder(("gru", "ngrams", "words"))
    gru = text_encoder(WORDS, WORD_DIM, UNITS, False, "mean")
    of_gru = {layer.name: layer.get_weights() for layer in built.layers}
    for layer in gru.layers:
        layer.set_weights(of_gru[layer.name])
    # The encoder of the GRU alone but for the scaling.
    states = keras.Model(gru.input, gru.get_layer("mean_state").output)(CAPTIONS).numpy().astype(np.float64)
    table = weight(built, "word_embedding")

    expected = [
        unit(
            state
            + ngram_sum(list(caption), weight(built, "ngrams_fuse"))
            + word_mean(list(caption), table, weight(built, "words_fuse"))
        )
        for state, caption in zip(states, CAPTIONS, strict=True)
    ]

    np.testing.assert_allclose(built(CAPTIONS), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("levels", [("ngrams",), ("words",), ("gru", "ngrams", "words")])
def test_gradients_are_those_of_differences(levels):
    built = encoder(levels)
    direction = np.random.default_rng(5).normal(size=(len(CAPTIONS), UNITS)).astype(np.float32)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(built(CAPTIONS) * direction)
    gradients = tape.gradient(value, built.trainable_variables)

    for variable, gradient in zip(built.trainable_variables, gradients, strict=True):
        before = variable.numpy()
        step = np.random.default_rng(6).normal(size=before.shape).astype(np.float32) * 1e-2
        sides = []
        for sign in (1, -1):
            variable.assign(before + sign * step)
            sides.append(np.sum(built(CAPTIONS).numpy().astype(np.float64) * direction))
        variable.assign(before)
        along = np.sum(tf.convert_to_tensor(gradient).numpy() * step)
        assert along == pytest.approx((sides[0] - sides[1]) / 2, rel=2e-2, abs=2e-4), variable.path


def test_the_seed_decides_the_first_weights():
    levels = ("gru", "ngrams", "words")
    first = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        built = text_encoder(WORDS, WORD_DIM, UNITS, False, "mean", levels=levels, ngrams=NGRAMS)
        first.append(np.concatenate([each.ravel() for each in built.get_weights()]))

    np.testing.assert_array_equal(first[0], first[1])
    assert not np.array_equal(first[0], first[2])


@settings(max_examples=20, deadline=None)
@given(words=st.lists(st.integers(1, WORDS - 1), min_size=1, max_size=6), padding=st.integers(1, 4))
def test_neither_padding_nor_company_changes_a_sentence(words, padding):
    built = encoder(("gru", "ngrams", "words"))
    alone = np.array([words], np.int32)

    padded = np.pad(alone, ((0, 0), (0, padding)))
    among = np.concatenate([padded, padded[:, ::-1]])

    np.testing.assert_allclose(built(among)[0], built(alone)[0], rtol=1e-5, atol=1e-6)


def test_training_leaves_out_a_share_of_the_ngrams_and_scales_the_others():
    level = NgramLevel(NGRAMS.rows, NGRAMS.inverse_frequencies, WORDS, len(NGRAMS), dropout=0.25)
    sentences = np.repeat(np.array([[3, 4, 5, 2]], np.int32), 4000, axis=0)
    level.build()
    # Each n-gram on an axis of its own.
    level.set_weights([np.eye(len(NGRAMS))])
    whole = level(sentences[:1]).numpy()[0]

    dropped = level(sentences, training=True).numpy()

    kept = dropped != 0
    present = whole != 0
    np.testing.assert_allclose(kept[:, present].mean(axis=0), 0.75, atol=0.04)
    np.testing.assert_allclose(dropped[kept], np.broadcast_to(whole / 0.75, dropped.shape)[kept], rtol=1e-5)
    assert not np.array_equal(dropped[0::2], dropped[1::2])


def test_evaluation_leaves_out_no_ngram():
    with_dropout = text_encoder(WORDS, WORD_DIM, UNITS, False, levels=("ngrams",), ngrams=NGRAMS, ngram_dropout=0.5)
    with_dropout.get_layer("ngrams_fuse").kernel.assign(weight(encoder(("ngrams",)), "ngrams_fuse"))

    np.testing.assert_array_equal(with_dropout(CAPTIONS, training=False), encoder(("ngrams",))(CAPTIONS))


def test_ngrams_and_nothing_known_is_the_zero_vector():
    np.testing.assert_array_equal(encoder(("ngrams",))(np.array([[6, 2], [1, 2]], np.int32)), np.zeros((2, UNITS)))


@pytest.mark.parametrize("levels", [("words",), ("ngrams",), ("gru", "ngrams", "words")])
def test_a_sentence_without_a_word_has_an_embedding_all_the_same(levels):
    embeddings = encoder(levels)(np.array([[vocabulary.END_ID, 0], [vocabulary.UNK_ID, vocabulary.END_ID]], np.int32))

    assert np.isfinite(embeddings).all()


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_rounded_factors_change_little_and_leave_float32(precision):
    rounded, exact = encoder(("gru", "ngrams", "words"), precision), encoder(("gru", "ngrams", "words"))

    embeddings = rounded(CAPTIONS)

    assert embeddings.dtype == tf.float32
    np.testing.assert_allclose(embeddings, exact(CAPTIONS), atol=0.05)


@pytest.mark.parametrize("given_ngrams", [None, Ngrams.from_sentences(SENTENCES, 2)])
def test_ngrams_that_are_not_the_settings_are_refused(given_ngrams):
    config = ModelConfig("vse", 3, 0, WORDS, gru_units=4, text_levels="gru,ngrams", num_ngrams=len(NGRAMS))

    with pytest.raises(ConfigError, match=f"name {len(NGRAMS)} n-grams and {len(given_ngrams or ())} are given"):
        model.retrieval_model(config, ngrams=given_ngrams)


def test_a_stopped_training_of_all_levels_goes_on_to_the_same_weights(tmp_path, scenes_inputs, monkeypatch):
    train = scenes_inputs.split("train")
    ngrams = Ngrams.from_sentences((words.tolist() for words in np.split(train.tokens, train.starts[1:-1])), 2)
    levels = {
        "vocabulary_size": len(scenes_inputs.vocabulary),
        "text_levels": "gru,ngrams,words",
        "num_ngrams": len(ngrams),
        "word_dropout": 0.2,
        "ngram_dropout": 0.3,
    }

    check_that_stopping_changes_nothing(tmp_path, scenes_inputs, monkeypatch, levels, ngrams=ngrams)
