"""DVSA: a sentence's words, as a bidirectional recurrent network reads them, against cells of an image."""

import keras
import tensorflow as tf

from cmr.comparators.fragments import FragmentSystem, ranking_loss
from cmr.comparators.settings.fragments import DvsaSettings
from cmr.workspace.vocabulary import END_ID, PAD_ID


class Dvsa(FragmentSystem):
    """Every word is explained by the cell that fits it best.

    With `x_t` a word's fixed vector, `f` ReLU and no end word:

        e_t = f(W_e x_t + b_e)
        h^f_t = f(e_t + W_f h^f_{t-1} + b_f),   h^b_t = f(e_t + W_b h^b_{t+1} + b_b)
        s_t = f(W_d (h^f_t + h^b_t) + b_d)

    Reference: Karpathy, Fei-Fei, "Deep visual-semantic alignments for generating image descriptions", 2015, sections
    3.1.1 to 3.1.3.
    """

    settings: DvsaSettings

    def sentence_fragments(self, words: keras.KerasTensor, vectors: keras.layers.Embedding) -> keras.KerasTensor:
        """`[batch, T]` words to `[batch, T, dim]`."""
        dim, dropout = self.settings.dim, self.settings.dropout
        embedded = keras.layers.Dropout(dropout)(vectors(words))
        embedded = keras.layers.Dense(dim, "relu", name="word_map")(embedded)
        there = _is_word(words)
        forwards = keras.layers.RNN(AddedState(dim), return_sequences=True, name="forwards")(embedded, mask=there)
        backwards = keras.layers.RNN(AddedState(dim), return_sequences=True, go_backwards=True, name="backwards")(
            embedded, mask=there
        )
        # What is read backwards comes out in that order.
        states = forwards + keras.ops.flip(backwards, axis=1)
        states = keras.layers.Dropout(dropout)(states)
        return keras.layers.Dense(dim, "relu", name="words_in_context")(states)

    def fragment_mask(self, words: tf.Tensor) -> tf.Tensor:
        return _is_word(words)

    def pair_scores(self, products: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Sum over the words of the best region: `S_kl = sum_t max_i v_i s_t` (the paper's Eq. 8)."""
        best = tf.reduce_max(products, axis=1)
        return tf.reduce_sum(tf.where(mask[None], best, tf.zeros_like(best)), axis=2)

    def loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Max-margin in both directions (the paper's Eq. 9)."""
        products, mask, same_image = self.products(batch)
        return ranking_loss(self.pair_scores(products, mask), same_image, self.settings.margin)


@keras.saving.register_keras_serializable("cmr")
class AddedState(keras.layers.Layer):
    """A recurrent cell that adds its input as it is: `h_t = relu(e_t + W h_{t-1} + b)`.

    Args:
      units: of the state, and of the input.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.state_size = self.output_size = units

    def build(self, input_shape):
        units = self.state_size
        self.kernel = self.add_weight(shape=(units, units), initializer="orthogonal", name="kernel")
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")

    def call(self, inputs, states):
        state = keras.ops.relu(inputs + keras.ops.matmul(states[0], self.kernel) + self.bias)
        return state, [state]

    def get_config(self):
        return {**super().get_config(), "units": self.state_size}


def _is_word(words):
    return (words != PAD_ID) & (words != END_ID)
