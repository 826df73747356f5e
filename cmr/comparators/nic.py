"""NIC: the trained captioner ranks sentences of an image, and images of a sentence, by log p(sentence | image).

Reference: Vinyals, Toshev, Bengio, Erhan, "Show and tell: a neural image caption generator", 2015, section 4.3.6.
"""

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from cmr.captioner.files import Captioner
from cmr.captioner.model import LOGITS, LSTM, LSTM_INPUT, WORD_EMBEDDING, image_embedder, model_config
from cmr.comparators.language_model import LanguageModelSystem
from cmr.comparators.prefix_tree import PrefixTree
from cmr.comparators.word_softmax import WordSoftmax
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.workspace.vocabulary import PAD_ID


class CaptionerStates:
    """A captioner's LSTM over a tree of sentences (a `language_model.LanguageModel`), without dropout.

    Args:
      model: of `captioner.model.captioner_model`; its weights as they are now.
      bfloat16: of the `WordSoftmax`.
    """

    def __init__(self, model: keras.Model, bfloat16: bool = False):
        self.start_id = model_config(model).start_id
        self.softmax = WordSoftmax(*model.get_layer(LOGITS).get_weights(), bfloat16)
        embed_image = image_embedder(model)
        project = model.get_layer(LSTM_INPUT)
        cell = model.get_layer(LSTM).cell
        # W x_t + b of every word: the same for all images.
        words = project(tf.convert_to_tensor(model.get_layer(WORD_EMBEDDING).embeddings))

        state_spec = [tf.TensorSpec([None, None, cell.units])] * 2
        whole = tf.TensorSpec([None], tf.int32)

        @tf.function(reduce_retracing=True)
        def start(features: tf.Tensor) -> list[tf.Tensor]:
            zero = tf.zeros([tf.shape(features)[0], cell.units])
            state = cell(project(embed_image(features)), [zero, zero])[1]
            return [part[:, None] for part in state]

        @tf.function(input_signature=[state_spec, whole, whole])
        def step(state: list[tf.Tensor], parent: tf.Tensor, word: tf.Tensor) -> list[tf.Tensor]:
            images, nodes = tf.shape(state[0])[0], tf.size(parent)
            before = [tf.reshape(tf.gather(part, parent, axis=1), [-1, cell.units]) for part in state]
            inputs = tf.tile(tf.gather(words, word), [images, 1])
            after = cell(inputs, before)[1]
            return [tf.reshape(part, [images, nodes, cell.units]) for part in after]

        self._start, self._step = start, step

    def hidden_states(self, features: np.ndarray, tree: PrefixTree) -> Iterator[tf.Tensor]:
        """The LSTM's h behind each beginning; the image is read once, before the start word."""
        state = self._start(tf.constant(features, tf.float32))
        for level in tree.levels:
            state = self._step(state, tf.constant(level.parent), tf.constant(level.word))
            yield state[0]


class Nic(LanguageModelSystem):
    """The captioner as it was trained: nothing is learnt here."""

    @property
    def _captioner(self) -> Captioner:
        return self.given.captioner

    @property
    def notes(self) -> Sequence[str]:
        captioner, perplexity = self._captioner, self._captioner.validation_perplexity
        measured = "" if perplexity is None else f", validation perplexity {perplexity:.2f} a word"
        return (f"The captioner learnt from {captioner.dataset}{measured}.", *super().notes)

    def fit(self, train: Examples, val: Examples) -> None:
        self.draw_marginal_images(train)

    def language_model(self) -> CaptionerStates:
        return CaptionerStates(self._captioner.model, self.settings.bfloat16)

    def features(self, split: Examples, images: np.ndarray) -> np.ndarray:
        return split.features[input_names.IMAGE_FEATURES].take(images)

    def words(self, split: Examples, captions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The captioner's own ids, which may be of another data set's vocabulary."""
        encoded = [self._captioner.vocabulary.encode(split.captions[caption]) for caption in captions]
        lengths = np.array([len(ids) for ids in encoded], np.int64)
        padded = np.full((len(encoded), lengths.max()), PAD_ID, np.int32)
        padded[np.arange(padded.shape[1]) < lengths[:, None]] = np.concatenate(encoded)
        return padded, lengths
