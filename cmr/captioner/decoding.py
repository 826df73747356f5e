"""From image features to sentences with a trained captioner.

sentences = decoding.caption_features(Decoder(model), features, SearchConfig(width=3))
[decoding.text(of_image[0].words, vocabulary) for of_image in sentences]
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from cmr import progress
from cmr.captioner import beam_search
from cmr.captioner.beam_search import Found, SearchConfig, State
from cmr.captioner.model import LOGITS, LSTM, LSTM_INPUT, WORD_EMBEDDING, image_embedder, model_config
from cmr.workspace import vocabulary
from cmr.workspace.vocabulary import Vocabulary

# Three hypotheses of each make 192 rows of log probabilities over the vocabulary.
_IMAGES_AT_ONCE = 64

# Ids that stand for no word.
NEVER_SAID = (vocabulary.PAD_ID, vocabulary.UNK_ID)


def word_by_word(model: keras.Model) -> tuple[Callable, Callable]:
    """A captioner one word at a time, without dropout, to be compiled by whoever uses it.

    Args:
      model: of `model.captioner_model`; later changes of its weights are seen.

    Returns:
      A function of X_img `[rows, feature_dim]` float32 to the state after the image, h and c `[rows, lstm_units]`
      float32, and one of a state and a word of each row, `[rows]` int32, to the logits of the next word,
      `[rows, vocabulary_size]` float32, and the new state.
    """
    embed_image, embed_word = image_embedder(model), model.get_layer(WORD_EMBEDDING)
    project, cell, logits = model.get_layer(LSTM_INPUT), model.get_layer(LSTM).cell, model.get_layer(LOGITS)

    def start(features: tf.Tensor) -> list[tf.Tensor]:
        zero = tf.zeros([tf.shape(features)[0], cell.units])
        return cell(project(embed_image(features)), [zero, zero])[1]

    def next_word(state: list[tf.Tensor], words: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        hidden, state = cell(project(embed_word(words)), state)
        return logits(hidden), state

    return start, next_word


class Decoder:
    """A captioner one word at a time, without dropout.

    Args:
      model: of `model.captioner_model`; later changes of its weights are seen.
    """

    def __init__(self, model: keras.Model):
        self.start_id = model_config(model).start_id
        start, next_word = word_by_word(model)

        @tf.function(reduce_retracing=True)
        def step(state: list[tf.Tensor], words: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
            logits, state = next_word(state, words)
            return tf.nn.log_softmax(logits), state

        self._start, self._step = tf.function(start, reduce_retracing=True), step

    def start(self, features: np.ndarray) -> State:
        """The LSTM's state after the image.

        Args:
          features: `[num_images, feature_dim]` float32, X_img.

        Returns:
          h and c, `[num_images, lstm_units]` float32 each.
        """
        return tuple(part.numpy() for part in self._start(tf.constant(features, tf.float32)))

    def step(self, state: State, words: np.ndarray) -> tuple[np.ndarray, State]:
        """Feeds a word to each row of a state.

        Args:
          state: h and c, `[rows, lstm_units]` float32 each.
          words: `[rows]` int, the last word of each; `start_id` at first.

        Returns:
          `[rows, vocabulary_size]` float32, log probability of each next word, `<pad>` and `<unk>` being impossible
          (the others are not raised for that), and the new state.
        """
        log_probabilities, state = self._step([tf.constant(part) for part in state], tf.constant(words, tf.int32))
        # A copy: what TensorFlow hands out is read only.
        allowed = np.array(log_probabilities)
        allowed[:, NEVER_SAID] = -np.inf
        return allowed, tuple(part.numpy() for part in state)


def caption_features(
    decoder: Decoder, features: np.ndarray, config: SearchConfig, show_progress: bool = False
) -> list[list[Found]]:
    """Finds the most probable sentences of images.

    Args:
      decoder: of the captioner; whoever captions again and again keeps it, since it is compiled at its first call.
      features: `[num_images, feature_dim]` float32, X_img.
      config: of the beam search.
      show_progress: whether to draw a bar.

    Returns:
      For each image at most `config.width` sentences, best first.
    """
    sentences = []
    with progress.progress_bar(len(features), "image", "captions", disable=not show_progress) as bar:
        for first in range(0, len(features), _IMAGES_AT_ONCE):
            batch = features[first : first + _IMAGES_AT_ONCE]
            sentences += beam_search.beam_search(
                decoder.step, decoder.start(batch), decoder.start_id, vocabulary.END_ID, config
            )
            bar.update(len(batch))
    return sentences


def text(words: tuple[int, ...], vocabulary_of_words: Vocabulary) -> str:
    """The sentence of word ids, as `Vocabulary.encode` takes it apart."""
    return " ".join(vocabulary_of_words.words[word] for word in words)
