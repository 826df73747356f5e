"""Captioning: the captioner one word at a time is the captioner that was trained."""

import keras
import numpy as np
import pytest

from cmr.captioner import decoding
from cmr.captioner.beam_search import SearchConfig
from cmr.captioner.decoding import Decoder
from cmr.captioner.model import LstmCell, captioner_model
from cmr.config import CaptionerConfig
from cmr.data import input_names
from cmr.workspace import vocabulary
from cmr.workspace.vocabulary import Vocabulary

_SIZES = CaptionerConfig(feature_dim=6, vocabulary_size=9, embedding_dim=5, lstm_units=7)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """A captioner whose random weights are large enough for it to have opinions."""
    model = captioner_model(_SIZES)
    random = np.random.default_rng(5)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(6).normal(size=(70, 6)).astype(np.float32)


def _log_probabilities(model: keras.Model, features: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """Of the full model, fed with the right words: `[images, time, vocabulary_size]`."""
    logits = model({input_names.IMAGE_FEATURES: features, "caption": captions}, training=False)
    return keras.ops.convert_to_numpy(keras.ops.log_softmax(logits))


def test_step_by_step_the_words_have_the_probabilities_that_training_sees(model, features):
    captions = np.random.default_rng(1).integers(2, 9, size=(4, 6)).astype(np.int32)
    decoder = Decoder(model)

    state, previous, outputs = decoder.start(features[:4]), np.full(4, decoder.start_id), []
    for words in captions.T:
        log_probabilities, state = decoder.step(state, previous)
        outputs.append(log_probabilities)
        previous = words

    expected = _log_probabilities(model, features[:4], captions)
    np.testing.assert_allclose(np.stack(outputs, axis=1)[..., 2:], expected[..., 2:], rtol=1e-4, atol=1e-5)


def test_pad_and_unk_are_never_said(model, features):
    decoder = Decoder(model)

    log_probabilities, _ = decoder.step(decoder.start(features), np.full(len(features), decoder.start_id))

    assert np.all(log_probabilities[:, [vocabulary.PAD_ID, vocabulary.UNK_ID]] == -np.inf)


def test_a_sentences_log_probability_is_the_full_models(model, features):
    sentences = decoding.caption_features(Decoder(model), features, SearchConfig(width=2, max_words=5))

    for number in (0, 63, 64, 69):
        best = sentences[number][0]
        caption = np.array([[*best.words, vocabulary.END_ID]], np.int32)
        scores = _log_probabilities(model, features[number : number + 1], caption)[0]
        expected = sum(row[word] for row, word in zip(scores, caption[0], strict=True))
        assert best.log_probability == pytest.approx(expected, rel=1e-4)


def test_an_image_is_captioned_alike_alone_and_among_others(model, features):
    config = SearchConfig(width=3, max_words=6, length_factor=0.7)

    together = decoding.caption_features(Decoder(model), features, config)

    alone = [decoding.caption_features(Decoder(model), features[n : n + 1], config)[0] for n in (0, 65)]
    among = [together[n] for n in (0, 65)]
    assert [[one.words for one in each] for each in alone] == [[one.words for one in each] for each in among]


def test_no_image_no_sentence(model):
    assert decoding.caption_features(Decoder(model), np.zeros((0, 6), np.float32), SearchConfig()) == []


def test_the_text_of_a_sentence_encodes_to_its_words_again():
    words = Vocabulary.from_captions(["a man's dog runs"])
    ids = words.encode("A dog runs.")

    assert decoding.text(tuple(ids[:-1]), words) == "a dog runs"


def test_a_decoder_traces_its_steps_once(model, features, monkeypatch):
    traced = []
    call = LstmCell.call

    def counted(cell, *arguments, **others):
        traced.append(cell.name)
        return call(cell, *arguments, **others)

    monkeypatch.setattr(LstmCell, "call", counted)
    decoder = Decoder(model)
    decoding.caption_features(decoder, features[:3], SearchConfig(width=2, max_words=5))
    decoding.caption_features(decoder, features[:7], SearchConfig(width=3, max_words=5))
    so_far = len(traced)

    decoding.caption_features(decoder, features, SearchConfig(width=3, max_words=5))

    assert len(traced) == so_far > 0
