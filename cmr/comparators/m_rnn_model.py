"""m-RNN's network: a recurrent layer that reads the words alone, and a multimodal layer that reads the image beside it.

Reference: Mao, Xu, Yang, Wang, Huang, Yuille, "Deep captioning with multimodal recurrent neural networks (m-RNN)",
2015.
"""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from cmr.captioner.model import LOGITS, PreviousWords
from cmr.comparators.prefix_tree import PrefixTree
from cmr.comparators.word_softmax import WordSoftmax
from cmr.data import input_names

WORDS_1, WORDS_2, RECURRENT = "word_embedding_1", "word_embedding_2", "recurrent"
FROM_WORDS, FROM_RECURRENT, FROM_IMAGE = "words_to_multimodal", "recurrent_to_multimodal", "image_to_multimodal"
MULTIMODAL, MULTIMODAL_DROPOUT = "multimodal", "multimodal_dropout"


@keras.saving.register_keras_serializable("cmr")
class RectifiedCell(keras.layers.Layer):
    """The recurrent layer (Eq. 2 of the paper): r(t) = max(0, U_r r(t-1) + w(t)).

    Args:
      units: size of r and of the words w.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units
        self.output_size = units

    def build(self, input_shape):
        # Rectified units forget or explode from other beginnings (Le, Jaitly, Hinton 2015).
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="orthogonal", name="recurrent_kernel"
        )

    def call(self, inputs, states, training=False):
        """One step: `[batch, units]` float32 words and the list of one state, to r and the list of it."""
        after = ops.relu(inputs + ops.matmul(states[0], self.recurrent_kernel))
        return after, [after]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def scaled_tanh(x):
    """g(x) = 1.7159 tanh(2 x / 3), which LeCun, Bottou, Orr and Mueller advise ("Efficient backprop", 1998)."""
    return 1.7159 * ops.tanh(2.0 / 3.0 * x)


def m_rnn_model(
    feature_dim: int,
    vocabulary_size: int,
    word_dims: tuple[int, int],
    multimodal_units: int,
    dropout: float,
) -> keras.Model:
    """Builds the network.

        w(t) = E_2 E_1 s(t) + b    (s(0) the start word)
        r(t) = max(0, U_r r(t-1) + w(t))
        m(t) = g(V_w w(t) + V_r r(t) + V_I I + b_m)
        p(word t+1) = softmax(W m(t) + b_W)

    Args:
      feature_dim: size of I.
      vocabulary_size: words; the start word is one more.
      word_dims: sizes of the two embedding layers; the second is the recurrent layer's too, which adds w to its state.
      multimodal_units: size of m.
      dropout: of w and of m.

    Returns:
      A functional model from `image_features` `[batch, feature_dim]` float32 and `caption` `[batch, time]` int32,
      right-padded with 0, to the logits `[batch, time, vocabulary_size]` float32 of each word of the caption.
    """
    image = keras.Input((feature_dim,), name=input_names.IMAGE_FEATURES)
    caption = keras.Input((None,), dtype="int32", name=input_names.CAPTION)
    previous = PreviousWords(vocabulary_size, name="previous_words")(caption)
    words = keras.layers.Embedding(vocabulary_size + 1, word_dims[0], name=WORDS_1)(previous)
    words = keras.layers.Dense(word_dims[1], name=WORDS_2)(words)
    words = keras.layers.Dropout(dropout, name="word_dropout")(words)
    recurrent = keras.layers.RNN(RectifiedCell(word_dims[1]), return_sequences=True, name=RECURRENT)(words)
    from_words = keras.layers.Dense(multimodal_units, name=FROM_WORDS)(words)
    from_recurrent = keras.layers.Dense(multimodal_units, use_bias=False, name=FROM_RECURRENT)(recurrent)
    from_image = keras.layers.Dense(multimodal_units, use_bias=False, name=FROM_IMAGE)(image)
    from_image = keras.layers.Reshape((1, multimodal_units), name="every_word")(from_image)
    summed = keras.layers.Add(name="multimodal_sum")([from_words, from_recurrent, from_image])
    multimodal = keras.layers.Activation(scaled_tanh, name=MULTIMODAL)(summed)
    multimodal = keras.layers.Dropout(dropout, name=MULTIMODAL_DROPOUT)(multimodal)
    logits = keras.layers.Dense(vocabulary_size, name=LOGITS)(multimodal)
    return keras.Model({input_names.IMAGE_FEATURES: image, input_names.CAPTION: caption}, logits, name="m_rnn")


class MultimodalStates:
    """The multimodal layer over a tree of sentences (a `language_model.LanguageModel`), without dropout.

    The recurrent layer does not see the image, so that it is computed once for all images.

    Args:
      model: of `m_rnn_model`; its weights as they are now.
      bfloat16: of the `WordSoftmax`.
    """

    def __init__(self, model: keras.Model, bfloat16: bool = False):
        embedding, second = model.get_layer(WORDS_1), model.get_layer(WORDS_2)
        cell = model.get_layer(RECURRENT).cell
        from_words, from_recurrent = model.get_layer(FROM_WORDS), model.get_layer(FROM_RECURRENT)
        from_image = model.get_layer(FROM_IMAGE)
        self.start_id = embedding.input_dim - 1
        self.softmax = WordSoftmax(*model.get_layer(LOGITS).get_weights(), bfloat16)
        self._cell_units = cell.units
        self._sentences: tuple[PrefixTree, list[tf.Tensor]] | None = None

        whole = tf.TensorSpec([None], tf.int32)

        @tf.function(input_signature=[tf.TensorSpec([None, cell.units]), whole, whole])
        def step(recurrent: tf.Tensor, parent: tf.Tensor, word: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            words = second(embedding(word))
            after, _ = cell(words, [tf.gather(recurrent, parent)])
            return after, from_words(words) + from_recurrent(after)

        @tf.function(input_signature=[tf.TensorSpec([None, None]), tf.TensorSpec([None, None])])
        def multimodal(features: tf.Tensor, of_sentences: tf.Tensor) -> tf.Tensor:
            return scaled_tanh(of_sentences[None] + from_image(features)[:, None])

        self._step, self._multimodal = step, multimodal

    def hidden_states(self, features: np.ndarray, tree: PrefixTree) -> Iterator[tf.Tensor]:
        """m behind each beginning."""
        images = tf.constant(features, tf.float32)
        for of_sentences in self._parts_of_sentences(tree):
            yield self._multimodal(images, of_sentences)

    def _parts_of_sentences(self, tree: PrefixTree) -> list[tf.Tensor]:
        """V_w w + V_r r + b_m of each level: `[nodes, units]` float32; kept from one block of images to the next."""
        if self._sentences is None or self._sentences[0] is not tree:
            parts, recurrent = [], tf.zeros([1, self._cell_units])
            for level in tree.levels:
                recurrent, part = self._step(recurrent, tf.constant(level.parent), tf.constant(level.word))
                parts.append(part)
            self._sentences = tree, parts
        return self._sentences[1]
