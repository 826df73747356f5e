"""m-RNN's network and its scores of all pairs, against the paper's equations in float64 NumPy, a word at a time."""

import numpy as np
import pytest

from cmr.captioner.loss import word_losses
from cmr.comparators import language_model
from cmr.comparators.m_rnn_model import MULTIMODAL_DROPOUT, MultimodalStates, m_rnn_model
from cmr.comparators.prefix_tree import PrefixTree
from cmr.data import input_names

WORDS = 7
SENTENCES = [(5, 3, 2), (5, 3, 4, 2), (2,), (6, 2), (5, 4, 3, 6, 2)]
LENGTHS = np.array([len(words) for words in SENTENCES])
CAPTIONS = np.array([[*words, *[0] * (5 - len(words))] for words in SENTENCES], np.int32)
FEATURES = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    model = m_rnn_model(feature_dim=4, vocabulary_size=WORDS, word_dims=(3, 2), multimodal_units=6, dropout=0.5)
    random = np.random.default_rng(2)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    return model


def log_p(model, image, words):
    """log p of one sentence given one image."""

    def weights(name):
        return [weight.astype(np.float64) for weight in model.get_layer(name).get_weights()]

    (first,), (second, second_bias), (recurrent_kernel,) = (
        weights(name) for name in ("word_embedding_1", "word_embedding_2", "recurrent")
    )
    (v_w, b_m), (v_r,), (v_i,), (out, out_bias) = (
        weights(name) for name in ("words_to_multimodal", "recurrent_to_multimodal", "image_to_multimodal", "logits")
    )
    recurrent, total = np.zeros(2), 0.0
    for previous, word in zip((WORDS, *words[:-1]), words, strict=True):
        w = first[previous] @ second + second_bias
        recurrent = np.maximum(0, recurrent @ recurrent_kernel + w)
        m = 1.7159 * np.tanh(2 / 3 * (w @ v_w + recurrent @ v_r + image.astype(np.float64) @ v_i + b_m))
        logits = m @ out + out_bias
        total += logits[word] - np.log(np.sum(np.exp(logits)))
    return total


def test_training_sees_the_papers_equations(model):
    losses = word_losses(model, last_hidden=MULTIMODAL_DROPOUT)
    batch = {input_names.IMAGE_FEATURES: FEATURES, input_names.CAPTION: CAPTIONS}

    values, sentences = losses(batch, False)

    of_sentences = np.bincount(sentences.numpy(), weights=values.numpy())
    expected = [-log_p(model, image, words) for image, words in zip(FEATURES, SENTENCES, strict=True)]
    np.testing.assert_allclose(of_sentences, expected, rtol=1e-5)


def test_block_scores_are_those_of_one_pair_at_a_time(model):
    states = MultimodalStates(model)
    tree = PrefixTree.of_sentences(CAPTIONS, LENGTHS, states.start_id)

    scores = language_model.log_probabilities(states, FEATURES, tree)

    expected = [[log_p(model, image, words) for words in SENTENCES] for image in FEATURES]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_other_sentences_have_parts_of_their_own(model):
    states = MultimodalStates(model)
    trees = [PrefixTree.of_sentences(CAPTIONS[rows], LENGTHS[rows], states.start_id) for rows in ([0, 1, 2], [3, 4])]

    first, second = (language_model.log_probabilities(states, FEATURES, tree) for tree in trees)

    together = language_model.log_probabilities(
        states, FEATURES, PrefixTree.of_sentences(CAPTIONS, LENGTHS, states.start_id)
    )
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), together, rtol=1e-5)
