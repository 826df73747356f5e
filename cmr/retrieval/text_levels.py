"""What is read of a sentence beside the GRU's states: its n-grams, and the mean of its words."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import ops

from cmr.retrieval.dropout import DeviceSeeds
from cmr.workspace import vocabulary
from cmr.workspace.ngrams import Ngram, Ngrams

# A tenth of the GRU's: a rare n-gram's row hardly moves from where it begins, and is noise beside the other levels.
_INITIAL_RANGE = 0.008


@keras.saving.register_keras_serializable("cmr")
class NgramLevel(keras.layers.Layer):
    """A linear map of a sentence's n-grams, weighted by tf-idf: a bag of words and pairs of words.

    The vector of n-grams is as long as their list and nearly all zeros: the map is the weighted sum of some two dozen
    rows of its kernel. Its weights are scaled so that their squares, an n-gram's as often as it stands there, sum to 1;
    n-grams that no training sentence holds are not in it, and a sentence of such alone is the zero vector.

    Args:
      rows: the n-grams, see `ngrams.Ngrams`.
      inverse_frequencies: `[len(rows)]`, see there.
      vocabulary_size: number of word ids.
      units: size of the joint space.
      dropout: share of a sentence's n-grams that training leaves out, drawn anew each time; the others are scaled up.

    Reference: Salton, Buckley, "Term-weighting approaches in automatic text retrieval", 1988; a level of the sentence
    as in Li et al., "W2VV++: fully deep learning for ad-hoc video search", 2019.
    """

    def __init__(
        self,
        rows: Sequence[Ngram],
        inverse_frequencies: Sequence[float],
        vocabulary_size: int,
        units: int,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.rows = [tuple(row) for row in rows]
        self.inverse_frequencies = [float(value) for value in inverse_frequencies]
        self.vocabulary_size = vocabulary_size
        self.units = units
        self.dropout = dropout
        # A model without dropout has no state of it, which a checkpoint would hold.
        self.seed_generator = DeviceSeeds() if dropout else None
        # Looked up by bisection: a pair of words as one number, ascending.
        numbers = [first * vocabulary_size + second for first, second in self.rows]
        self._order = sorted(range(len(numbers)), key=numbers.__getitem__)
        self._numbers = [numbers[row] for row in self._order]

    def build(self, input_shape=None):
        first = keras.initializers.RandomUniform(-_INITIAL_RANGE, _INITIAL_RANGE)
        self.kernel = self.add_weight(shape=(len(self.rows), self.units), initializer=first, name="kernel")

    def call(self, caption, training=False):
        """Sums the rows of the kernel.

        Args:
          caption: `[batch, time]` int32 word ids.
          training: whether to drop n-grams.

        Returns:
          `[batch, units]` float32.
        """
        words = tf.cast(caption, tf.int64)
        following = tf.pad(words[:, 1:], [[0, 0], [0, 1]])
        is_word = words > vocabulary.END_ID
        singles = tf.where(is_word, words * self.vocabulary_size, -1)
        pairs = tf.where(is_word & (following > vocabulary.END_ID), words * self.vocabulary_size + following, -1)
        rows = self._rows_of(tf.concat([singles, pairs], axis=1))
        places = tf.where(rows >= 0)
        rows = tf.gather_nd(rows, places)
        sentences = places[:, 0]
        weights = tf.gather(tf.constant(self.inverse_frequencies, tf.float32), rows)
        squares = tf.math.unsorted_segment_sum(tf.square(weights), sentences, tf.shape(words)[0])
        weights /= tf.sqrt(tf.gather(squares, sentences))
        if training and self.dropout:
            weights = keras.random.dropout(weights, self.dropout, seed=self.seed_generator)
        shape = tf.stack([tf.shape(words, tf.int64)[0], len(self.rows)])
        bags = tf.SparseTensor(tf.stack([sentences, rows], axis=1), weights, shape)
        return tf.sparse.sparse_dense_matmul(bags, self.kernel.value)

    def _rows_of(self, numbers):
        """Rows of n-grams by their numbers, int64; -1 for those that are not among them."""
        known = tf.constant(self._numbers, tf.int64)
        places = tf.reshape(tf.searchsorted(known, tf.reshape(numbers, [-1])), tf.shape(numbers))
        # What is above all of them has its place behind the last.
        places = tf.minimum(places, len(self._numbers) - 1)
        rows = tf.gather(tf.constant(self._order, tf.int64), places)
        return tf.where(tf.gather(known, places) == numbers, rows, -1)

    def compute_output_spec(self, caption, training=False):
        return keras.KerasTensor((caption.shape[0], self.units), "float32")

    def get_config(self):
        return {
            **super().get_config(),
            "rows": self.rows,
            "inverse_frequencies": self.inverse_frequencies,
            "vocabulary_size": self.vocabulary_size,
            "units": self.units,
            "dropout": self.dropout,
        }


def ngram_level(caption, ngrams: Ngrams, vocabulary_size: int, units: int, dropout: float):
    """A sentence's n-grams in the joint space.

    Args:
      caption: `[batch, time]` int32.
      ngrams: those of the training sentences.
      vocabulary_size: number of word ids.
      units: size of the joint space.
      dropout: share of them left out in training.

    Returns:
      `[batch, units]` float32.
    """
    level = NgramLevel(ngrams.rows, ngrams.inverse_frequencies, vocabulary_size, units, dropout, name="ngrams_fuse")
    return level(caption)


def word_level(caption, embed, units: int, precision: str):
    """The mean of a sentence's word vectors, `<end>` left out, through one linear map into the joint space.

    Args:
      caption: `[batch, time]` int32, right-padded with 0.
      embed: the layer from word ids to `x_t` (Eq. 1), which the GRU reads too.
      units: size of the joint space.
      precision: see `model.retrieval_model`.

    Returns:
      `[batch, units]` float32.
    """
    is_word = ops.logical_and(ops.not_equal(caption, vocabulary.PAD_ID), ops.not_equal(caption, vocabulary.END_ID))
    weights = ops.expand_dims(ops.cast(is_word, "float32"), axis=2)
    # A sentence without a word is the zero vector.
    mean = ops.sum(embed(caption) * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)
    level = keras.layers.Dense(units, use_bias=False, dtype=precision, name="words_fuse")(mean)
    return ops.cast(level, "float32")
