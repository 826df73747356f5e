"""The GRU as Keras layers: what it reads, its weights, and its states (Eq. 2)."""

import keras
import tensorflow as tf
from keras import ops

from cmr.recurrent import padding
from cmr.recurrent.padding import Packing
from cmr.retrieval import recurrence
from cmr.workspace import vocabulary

# The paper draws the GRU's weights from U(-0.08, 0.08), as Show and Tell does; the word embedding follows.
_INITIAL_RANGE = 0.08


def uniform() -> keras.initializers.Initializer:
    """The paper's first weights."""
    return keras.initializers.RandomUniform(-_INITIAL_RANGE, _INITIAL_RANGE)


@keras.saving.register_keras_serializable("cmr")
class PackedWords(keras.layers.Layer):
    """Packs a batch of sentences, and lists the words that stand in it, each once.

    A batch of 80 sentences holds some 300 different words at 950 places, so that what is done to a word alone is done a
    third as often.

    Args:
      backwards: read each sentence from its end.
    """

    def __init__(self, backwards: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.backwards = backwards

    def call(self, caption):
        """Packs.

        Args:
          caption: `[batch, time]` int32, right-padded with 0.

        Returns:
          `different_words` `[num_different]` int32, `which` `[num_words]` int32, the row in it of each packed word, and
          the parts of `padding.Packing`.
        """
        packing = padding.pack(ops.not_equal(caption, vocabulary.PAD_ID), self.backwards)
        different_words, which = tf.unique(tf.gather_nd(caption, packing.places))
        return {"different_words": different_words, "which": which, **packing._asdict()}

    def compute_output_spec(self, caption):
        """Numbers of words, which are not known beforehand."""
        names = ("different_words", "which", "order", "rows")
        return {
            **{name: keras.KerasTensor((None,), "int32") for name in names},
            "places": keras.KerasTensor((None, 2), "int32"),
        }

    def get_config(self):
        return {**super().get_config(), "backwards": self.backwards}


class ResetBeforeCell(keras.layers.Layer):
    """The weights of the recurrent half of a GRU whose reset gate acts before the product (Eq. 2).

    Args:
      units: size of the state.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape=None):
        shapes = {"gates_kernel": 2 * self.units, "candidate_kernel": self.units}
        for name, columns in shapes.items():
            setattr(self, name, self.add_weight(shape=(self.units, columns), initializer=uniform(), name=name))


class ResetAfterCell(keras.layers.Layer):
    """The weights of a whole GRU whose reset gate acts after the product; those of `keras.layers.GRU`.

    Args:
      units: size of the state.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self._initializers = {"kernel": uniform(), "recurrent_kernel": uniform()}

    def build(self, input_shape):
        rows = {"kernel": input_shape[-1], "recurrent_kernel": self.units}
        for name, size in rows.items():
            weight = self.add_weight(shape=(size, 3 * self.units), initializer=self._initializers[name], name=name)
            setattr(self, name, weight)
        self.bias = self.add_weight(shape=(2, 3 * self.units), initializer="zeros", name="bias")


class _PackedGru(keras.layers.Layer):
    """The states of a GRU over packed sentences.

    Args:
      units: size of the state.
      every_word: the states behind every word, not the last one of each sentence alone.
      precision: of the factors of products, see `model.retrieval_model`.
    """

    def __init__(self, units: int, every_word: bool = False, precision: str = "float32", **kwargs):
        # Not a dtype of the layer, by which Keras would round biases and states too.
        super().__init__(**kwargs)
        self.units = units
        self.every_word = every_word
        self.precision = precision
        self.cell = self._new_cell()

    def build(self, words_shape, **_):
        self.cell.build(words_shape)

    def call(self, words, packed, caption):
        """Reads the sentences.

        Args:
          words: of each different word what the GRU reads, `[num_different, size]`.
          packed: of `PackedWords`.
          caption: `[batch, time]` int32.

        Returns:
          `[batch, units]` float32, or `[batch, time, units]` of every word, zeros where padded.
        """
        packing = Packing(packed["order"], packed["rows"], packed["places"])
        precision = tf.as_dtype(keras.DTypePolicy(self.precision).compute_dtype)
        states = self._states(words, packed["which"], packing.rows, precision)
        if self.every_word:
            return padding.unpack(states, packing, tf.shape(caption))
        return padding.last_states(states, packing)

    def compute_output_spec(self, words, packed, caption):
        shape = (caption.shape[0], caption.shape[1], self.units) if self.every_word else (None, self.units)
        return keras.KerasTensor(shape, "float32")

    def get_config(self):
        return {**super().get_config(), "units": self.units, "every_word": self.every_word, "precision": self.precision}


@keras.saving.register_keras_serializable("cmr")
class Rnn(_PackedGru):
    """A GRU with the reset gate before the product; what it reads is multiplied by the input weights already.

    The name is that of the Keras layer whose place it takes: files of weights name a layer by its class.
    """

    def _new_cell(self):
        return ResetBeforeCell(self.units)

    def _states(self, words, which, rows, precision):
        projected = tf.gather(tf.cast(words, tf.float32), which)
        cell = self.cell
        return recurrence.reset_before(projected, rows, cell.gates_kernel.value, cell.candidate_kernel.value, precision)


@keras.saving.register_keras_serializable("cmr")
class Gru(_PackedGru):
    """A GRU with the reset gate after the product; named as `Rnn` is."""

    def _new_cell(self):
        return ResetAfterCell(self.units, name="gru_cell")

    def _states(self, words, which, rows, precision):
        cell = self.cell
        kernel = tf.cast(cell.kernel.value, precision)
        input_bias, bias = tf.unstack(cell.bias.value)
        projected = tf.cast(tf.matmul(tf.cast(words, precision), kernel), tf.float32) + input_bias
        return recurrence.reset_after(tf.gather(projected, which), rows, cell.recurrent_kernel.value, bias, precision)


def gru_states(
    caption,
    embed,
    units: int,
    reset_after: bool,
    precision: str = "float32",
    every_word: bool = False,
    backwards: bool = False,
):
    """The GRU's state after the end word, or after every word (Eq. 2).

    Args:
      caption: `[batch, time]` int32, right-padded with 0.
      embed: the layer from word ids to `x_t` (Eq. 1).
      units: size of the state.
      reset_after: cuDNN's form of the reset gate.
      precision: see `model.retrieval_model`.
      every_word: the states after every word, not the last one alone.
      backwards: read from the end word to the first.

    Returns:
      `[batch, units]` float32, or `[batch, time, units]` of every word, zeros where padded.
    """
    name = "backward_gru" if backwards else "gru"
    if reset_after and tf.config.list_physical_devices("GPU"):
        return _cudnn_states(embed(caption), caption, units, precision, every_word, backwards, name)
    packed = PackedWords(backwards, name=f"{name}_words")(caption)
    words = embed(packed["different_words"])
    if reset_after:
        return Gru(units, every_word, precision, name=name)(words, packed, caption)
    projected = keras.layers.Dense(3 * units, kernel_initializer=uniform(), dtype=precision, name=f"{name}_input")(
        words
    )
    return Rnn(units, every_word, precision, name=name)(projected, packed, caption)


def _cudnn_states(words, caption, units: int, precision: str, every_word: bool, backwards: bool, name: str):
    """The same by the kernel of the GPU."""
    gru = keras.layers.GRU(
        units,
        reset_after=True,
        kernel_initializer=uniform(),
        recurrent_initializer=uniform(),
        return_sequences=every_word,
        go_backwards=backwards,
        dtype=precision,
        name=name,
    )
    states = gru(words, mask=ops.not_equal(caption, vocabulary.PAD_ID))
    # Keras leaves them in the order in which they were read.
    return ops.flip(states, axis=1) if backwards and every_word else states
