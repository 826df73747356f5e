"""The captioner's LSTM over packed sentences, with its gradient written out: what training and losses compute with.

The Keras model (`model.captioner_model`) says what a captioner is; these functions compute its states without padding,
and project each word of a batch once, however often it stands there.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from cmr.captioner.model import (
    LSTM,
    LSTM_DROPOUT,
    LSTM_INPUT,
    LSTM_INPUT_DROPOUT,
    WORD_EMBEDDING,
    image_embedder,
    model_config,
)
from cmr.data import input_names
from cmr.recurrent import padding, turns
from cmr.workspace import vocabulary

Batch = dict[str, tf.Tensor]


class PackedStates(NamedTuple):
    """What the LSTM says before each word of a batch.

    Attributes:
      states: `[num_words, units]` float32, h after the image, the start word and the words before.
      words: `[num_words]` int32, the word that follows.
      sentences: `[num_words]` int32, whose word it is.
    """

    states: tf.Tensor
    words: tf.Tensor
    sentences: tf.Tensor


def hidden_states(projected: tf.Tensor, rows: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The states of an LSTM, from `h_0 = c_0 = 0` on (the equations of `model.LstmCell`).

    Args:
      projected: `[num_words, 4 * units]` float32, packed: what it reads times the input weights, with their biases; the
        gates i, f, c, o.
      rows: of `padding.Packing`.
      kernel: `[units, 4 * units]` float32, `U_i`, `U_f`, `U_c`, `U_o`.

    Returns:
      `h_t`, `[num_words, units]` float32, packed.
    """
    units = kernel.shape[0]
    sizes = (units, units)

    @tf.custom_gradient
    def states_of(projected, kernel):
        def turn(words, before):
            hidden, memory = before
            given = words + tf.matmul(hidden, kernel)
            write, forget = tf.split(tf.sigmoid(given[:, : 2 * units]), 2, axis=1)
            candidate, output = tf.tanh(given[:, 2 * units : 3 * units]), tf.sigmoid(given[:, 3 * units :])
            memory = forget * memory + write * candidate
            return (output * tf.tanh(memory), memory), (tf.concat([write, forget, candidate, output], axis=1),)

        (states, memories), (previous, before), (gates,) = turns.forwards(turn, projected, rows, sizes, (4 * units,))

        def gradient(upstream):
            upstream = tf.convert_to_tensor(upstream)
            back = tf.transpose(kernel)

            def turn_back(later, words):
                of_state, of_memory = later[0] + upstream[words], later[1]
                write, forget, candidate, output = tf.split(gates[words], 4, axis=1)
                squashed = tf.tanh(memories[words])
                of_memory += of_state * output * (1 - squashed * squashed)
                of_words = tf.concat(
                    [
                        of_memory * candidate * write * (1 - write),
                        of_memory * before[words] * forget * (1 - forget),
                        of_memory * write * (1 - candidate * candidate),
                        of_state * squashed * output * (1 - output),
                    ],
                    axis=1,
                )
                return (tf.matmul(of_words, back), of_memory * forget), of_words

            of_words = turns.backwards(turn_back, rows, sizes, 4 * units)
            return of_words, turns.outer(previous, of_words, rows, tf.float32)

        return states, gradient

    return states_of(projected, kernel)


def packed_states(model: keras.Model) -> Callable[[Batch, bool], PackedStates]:
    """Makes the function that runs a captioner over a batch.

    In training the image and each different word of the batch has one dropout mask before the LSTM, wherever it stands
    (after Gal, Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", 2016).

    Args:
      model: of `model.captioner_model`; later changes of its weights are seen.

    Returns:
      A function of a batch (the model's inputs) and of whether it is training.
    """
    layer = model.get_layer
    config = model_config(model)
    embed_images = image_embedder(model)

    def run(batch: Batch, training: bool) -> PackedStates:
        caption = batch[input_names.CAPTION]
        packing = padding.pack(caption != vocabulary.PAD_ID)
        words = tf.gather_nd(caption, packing.places)
        different, which = tf.unique(words)
        images = embed_images(batch[input_names.IMAGE_FEATURES])
        start_and_words = layer(WORD_EMBEDDING)(tf.concat([[config.start_id], different], axis=0))
        inputs = tf.concat([tf.gather(images, packing.order), start_and_words], axis=0)
        projected = layer(LSTM_INPUT)(layer(LSTM_INPUT_DROPOUT)(inputs, training=training))
        # Image, start word, and every word that another one follows.
        num_sentences = packing.rows[0]
        read = tf.concat(
            [
                tf.range(num_sentences),
                tf.fill([num_sentences], num_sentences),
                num_sentences + 1 + tf.boolean_mask(which, _is_followed(packing.rows)),
            ],
            axis=0,
        )
        rows = tf.concat([[num_sentences], packing.rows], axis=0)
        states = hidden_states(tf.gather(projected, read), rows, layer(LSTM).cell.recurrent_kernel.value)
        # What the LSTM says after the image alone predicts nothing: the start word comes first.
        states = layer(LSTM_DROPOUT)(states[num_sentences:], training=training)
        return PackedStates(states, words, packing.places[:, 0])

    return run


def _is_followed(rows: tf.Tensor) -> tf.Tensor:
    """Of each packed word whether its sentence goes on: `[num_words]` bool."""
    followers = tf.concat([rows[1:], [0]], axis=0)
    number = tf.range(tf.reduce_sum(rows)) - tf.repeat(tf.cumsum(rows, exclusive=True), rows)
    return number < tf.repeat(followers, rows)
