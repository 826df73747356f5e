"""The language model part: word embedding (Eq. 1) and one GRU layer (Eq. 2)."""

import keras
from keras import ops

from cmr.data import input_names
from cmr.workspace import vocabulary

# The paper draws the GRU's weights from U(-0.08, 0.08), as Show and Tell does; the word embedding follows.
_INITIAL_RANGE = 0.08


def _uniform() -> keras.initializers.Initializer:
    return keras.initializers.RandomUniform(-_INITIAL_RANGE, _INITIAL_RANGE)


@keras.saving.register_keras_serializable("cmr")
class ResetBeforeCell(keras.layers.Layer):
    """The recurrent half of a GRU whose reset gate acts before the product (Eq. 2).

    With `x_t` already multiplied by the input weights and given its biases, split as `x_z, x_r, x_h`:

        z_t = sigmoid(x_z + h_{t-1} U_z)
        r_t = sigmoid(x_r + h_{t-1} U_r)
        c_t = tanh(x_h + (r_t * h_{t-1}) U_h)
        h_t = z_t * h_{t-1} + (1 - z_t) * c_t

    This is `keras.layers.GRU(reset_after=False)`; there the input product stays inside the time loop, and its gradient
    is summed a step at a time, which costs as much again as all the rest on a CPU (cmr.benchmark prints the ratio).

    Args:
      units: size of the state.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units
        self.output_size = units

    def build(self, input_shape):
        self.gates_kernel = self.add_weight(
            shape=(self.units, 2 * self.units), initializer=_uniform(), name="gates_kernel"
        )
        self.candidate_kernel = self.add_weight(
            shape=(self.units, self.units), initializer=_uniform(), name="candidate_kernel"
        )

    def call(self, inputs, states, training=False):
        """One step.

        Args:
          inputs: `[batch, 3 * units]` float32, the projected word.
          states: a list of one `[batch, units]` float32.

        Returns:
          The new state `[batch, units]`, and a list that holds it.
        """
        (state,) = states
        gates = ops.sigmoid(inputs[:, : 2 * self.units] + ops.matmul(state, self.gates_kernel))
        update, reset = gates[:, : self.units], gates[:, self.units :]
        candidate = ops.tanh(inputs[:, 2 * self.units :] + ops.matmul(reset * state, self.candidate_kernel))
        state = update * state + (1.0 - update) * candidate
        return state, [state]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def gru_states(words, units: int, reset_after: bool, every_word: bool = False, backwards: bool = False):
    """The GRU's state after the end word, or after every word (Eq. 2).

    Args:
      words: `[batch, time, word_dim]` float32, masked where padded.
      units: size of the state.
      reset_after: cuDNN's form of the reset gate, which runs fused on a GPU.
      every_word: the states after every word, not the last one alone.
      backwards: read from the end word to the first.

    Returns:
      `[batch, units]` float32, or `[batch, time, units]` of every word. A padded step leaves the state as it is.
    """
    name = "backward_gru" if backwards else "gru"
    settings = {"return_sequences": every_word, "go_backwards": backwards, "name": name}
    if reset_after:
        gru = keras.layers.GRU(
            units, reset_after=True, kernel_initializer=_uniform(), recurrent_initializer=_uniform(), **settings
        )
        states = gru(words)
    else:
        projected = keras.layers.Dense(3 * units, kernel_initializer=_uniform(), name=f"{name}_input")(words)
        states = keras.layers.RNN(ResetBeforeCell(units), **settings)(projected)
    # Keras leaves them in the order in which they were read.
    return ops.flip(states, axis=1) if backwards and every_word else states


def pooled(states, mask, pooling: str):
    """Pools the states behind each word.

    Args:
      states: `[batch, time, units]` float32.
      mask: `[batch, time]` bool, False where padded; a padded state counts for nothing.
      pooling: `mean`, or `attention`: the weights are the softmax of one learned linear score a state. The scores
        begin at 0, which is the mean.

    Returns:
      `[batch, units]` float32.

    Reference: attention as in Yang et al., "Hierarchical attention networks for document classification", 2016, section
    2.2, without the hidden layer: the states have gone through a tanh already.
    """
    if pooling == "mean":
        return keras.layers.GlobalAveragePooling1D(name="mean_state")(states, mask=mask)
    scores = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="attention_score")(states)
    weights = keras.layers.Softmax(axis=1, name="attention")(scores, mask=mask[:, :, None])
    return ops.sum(weights * states, axis=1)


@keras.saving.register_keras_serializable("cmr")
class WordDropout(keras.layers.Layer):
    """Replaces words by `<unk>` at random in training.

    Each word is drawn by itself. What is left is not scaled: the sentence is like one of test time that holds unknown
    words, and their embedding learns too, which otherwise stays as it was drawn. `<end>` and padding stay.

    Args:
      rate: share of the words replaced.

    Reference: Kiperwasser, Goldberg, "Simple and accurate dependency parsing using bidirectional LSTM feature
    representations", 2016; Bowman et al., "Generating sentences from a continuous space", 2016.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()
        self.built = True

    def call(self, captions, training=False):
        """Drops words in training alone.

        Args:
          captions: `[batch, time]` int32 word ids.

        Returns:
          The same shape and dtype.
        """
        if not training:
            return captions
        drawn = keras.random.uniform(ops.shape(captions), seed=self.seed_generator) < self.rate
        return ops.where(ops.logical_and(drawn, captions > vocabulary.END_ID), vocabulary.UNK_ID, captions)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


def text_encoder(
    vocabulary_size: int,
    word_dim: int,
    units: int,
    reset_after: bool,
    pooling: str = "last",
    bidirectional: bool = False,
) -> keras.Model:
    """Sentences to unit vectors of the joint space.

    Args:
      vocabulary_size: number of word ids; id 0 is padding.
      word_dim: size of `x_t = W_e s_t` (Eq. 1).
      units: size of the GRU's state, which is the embedding.
      reset_after: see `gru_states`.
      pooling: `last` (the paper: the state after the end word), or of `pooled`.
      bidirectional: average the states with those of a second GRU that reads backwards, whose last one is that after
        the first word (Lee et al., "Stacked cross attention for image-text matching", 2018).

    Returns:
      A functional model: `caption` `[batch, time]` int32, right-padded with 0, to `[batch, units]` float32 of norm 1.
    """
    caption = keras.Input((None,), dtype="int32", name=input_names.CAPTION)
    words = keras.layers.Embedding(
        vocabulary_size, word_dim, mask_zero=True, embeddings_initializer=_uniform(), name="word_embedding"
    )(caption)
    every_word = pooling != "last"
    state = gru_states(words, units, reset_after, every_word)
    if bidirectional:
        state = (state + gru_states(words, units, reset_after, every_word, backwards=True)) / 2
    if pooling != "last":
        state = pooled(state, ops.not_equal(caption, 0), pooling)
    embedding = keras.layers.UnitNormalization(name="caption_embedding")(state)
    return keras.Model(caption, embedding, name="text_encoder")
