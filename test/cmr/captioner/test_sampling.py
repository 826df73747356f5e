"""Sentences drawn from a captioner: as often as it says, ended, and the same for the same seed."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from cmr.captioner.decoding import Decoder
from cmr.captioner.model import captioner_model
from cmr.captioner.sampling import Sampler
from cmr.config import CaptionerConfig
from cmr.workspace.vocabulary import END_ID, PAD_ID, UNK_ID

NUM_WORDS, MAX_WORDS = 6, 2


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    model = captioner_model(CaptionerConfig(4, NUM_WORDS, 5, 6))
    random = np.random.default_rng(3)
    model.set_weights([random.normal(size=weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def features():
    return tf.constant(np.random.default_rng(0).normal(size=(3, 4)), tf.float32)


def probabilities(model, features):
    """Of each sentence of at most two words, by the decoder's steps: `{words: probability}`."""
    decoder = Decoder(model)
    words = [word for word in range(NUM_WORDS) if word not in (PAD_ID, UNK_ID)]

    def next_words(state, word):
        log_p, state = decoder.step(state, np.array([word]))
        p = np.exp(log_p[0].astype(np.float64))
        return p / p.sum(), state

    found = {}
    first, after_start = next_words(decoder.start(features), decoder.start_id)
    found[(END_ID,)] = first[END_ID]
    for one in set(words) - {END_ID}:
        second, _ = next_words(after_start, one)
        found[(one, END_ID)] = first[one] * second[END_ID]
        for other in set(words) - {END_ID}:
            found[(one, other, END_ID)] = first[one] * second[other]
    return found


def test_each_sentence_comes_as_often_as_it_is_probable(model, features):
    copies = 4000
    drawn = Sampler(model, MAX_WORDS).draw(features, copies, (0, 0)).numpy()

    for image in range(len(features)):
        expected = probabilities(model, features[image : image + 1].numpy())
        assert sum(expected.values()) == pytest.approx(1.0)
        rows = [tuple(row[row != PAD_ID]) for row in drawn[image * copies : (image + 1) * copies]]
        assert set(rows) <= set(expected)
        for sentence, p in expected.items():
            # Five standard deviations.
            assert abs(rows.count(sentence) / copies - p) < 5 * np.sqrt(p * (1 - p) / copies) + 1e-9


def test_every_sentence_has_one_end_word_and_nothing_but_padding_behind_it(model, features):
    drawn = Sampler(model, 5).draw(features, 50, (1, 2)).numpy()

    assert drawn.shape[1] <= 6
    for row in drawn:
        words, padding = row[: list(row).index(END_ID) + 1], row[list(row).index(END_ID) + 1 :]
        assert not set(words) & {PAD_ID, UNK_ID}
        assert set(padding) <= {PAD_ID}


def test_they_are_a_function_of_the_seed(model, features):
    sampler = Sampler(model, 5)

    seeds = [(0, 0), (0, 1), (1, 0)]
    drawn = {seed: sampler.draw(features, 20, seed).numpy() for seed in seeds}

    np.testing.assert_array_equal(drawn[0, 0], Sampler(model, 5).draw(features, 20, (0, 0)).numpy())
    for one, other in itertools.combinations(seeds, 2):
        assert drawn[one].shape != drawn[other].shape or (drawn[one] != drawn[other]).any()
