"""The language model part: word embedding (Eq. 1) and one GRU layer (Eq. 2), beyond the paper further levels."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from cmr.config import ModelConfig
from cmr.data import input_names
from cmr.data.word_vectors import WordVectors
from cmr.errors import ConfigError
from cmr.retrieval import gru, text_levels
from cmr.retrieval.dropout import DeviceSeeds
from cmr.workspace import vocabulary
from cmr.workspace.ngrams import Ngrams

WORD_EMBEDDING = "word_embedding"


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
        self.seed_generator = DeviceSeeds()
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
    precision: str = "float32",
    levels: Sequence[str] = ("gru",),
    ngrams: Ngrams | None = None,
    ngram_dropout: float = 0.0,
) -> keras.Model:
    """Sentences to unit vectors of the joint space.

    Args:
      vocabulary_size: number of word ids; id 0 is padding.
      word_dim: size of `x_t = W_e s_t` (Eq. 1).
      units: size of the GRU's state, which is the embedding.
      reset_after: see `gru.gru_states`.
      pooling: `last` (the paper: the state after the end word), or of `pooled`.
      bidirectional: average the states with those of a second GRU that reads backwards, whose last one is that after
        the first word (Lee et al., "Stacked cross attention for image-text matching", 2018).
      precision: see `model.retrieval_model`.
      levels: what the embedding is the sum of, before it is scaled to norm 1: `gru` (the paper), `ngrams`, `words`.
      ngrams: of the training sentences, for the level of that name.
      ngram_dropout: share of a sentence's n-grams that training leaves out.

    Returns:
      A functional model: `caption` `[batch, time]` int32, right-padded with 0, to `[batch, units]` float32 of norm 1.
    """
    caption = keras.Input((None,), dtype="int32", name=input_names.CAPTION)
    embed = keras.layers.Embedding(vocabulary_size, word_dim, embeddings_initializer=gru.uniform(), name=WORD_EMBEDDING)
    terms = []
    if "gru" in levels:
        terms.append(_gru_level(caption, embed, units, reset_after, pooling, bidirectional, precision))
    if "ngrams" in levels:
        terms.append(text_levels.ngram_level(caption, ngrams, vocabulary_size, units, ngram_dropout))
    if "words" in levels:
        terms.append(text_levels.word_level(caption, embed, units, precision))
    joined = terms[0] if len(terms) == 1 else keras.layers.Add(name="levels")(terms)
    embedding = keras.layers.UnitNormalization(name="caption_embedding")(joined)
    return keras.Model(caption, embedding, name="text_encoder")


def begin_with(encoder: keras.Model, vectors: WordVectors) -> None:
    """Puts word vectors in the place of the word table's first weights (Eq. 1).

    They take the first columns, multiplied by one number so that their mean square is that of the weights drawn: other
    words, other columns and the rate are made for those. Words without a vector stay as they were drawn.

    Args:
      encoder: of `text_encoder`, with a level that reads the table.
      vectors: of its vocabulary.

    Raises:
      ConfigError: they are longer than the table's rows.
    """
    layer = encoder.get_layer(WORD_EMBEDDING)
    (table,) = layer.get_weights()
    if vectors.dim > table.shape[1]:
        raise ConfigError(
            f"--word_vectors has vectors of {vectors.dim} and --word_dim={table.shape[1]} has no room for them; give "
            f"--word_dim={vectors.dim} or more"
        )
    known = vectors.vectors[vectors.is_known]
    scale = np.sqrt(np.mean(np.square(table)) / np.mean(np.square(known)))
    table[vectors.is_known, : vectors.dim] = scale * known
    layer.set_weights([table])


def _gru_level(caption, embed, units: int, reset_after: bool, pooling: str, bidirectional: bool, precision: str):
    """The GRU's states as one vector a sentence, `[batch, units]` float32; see `text_encoder`."""
    every_word = pooling != "last"
    state = gru.gru_states(caption, embed, units, reset_after, precision, every_word)
    if bidirectional:
        state = (state + gru.gru_states(caption, embed, units, reset_after, precision, every_word, backwards=True)) / 2
    return pooled(state, ops.not_equal(caption, 0), pooling) if every_word else state


def of_model(config: ModelConfig, precision: str = "float32", ngrams: Ngrams | None = None) -> keras.Model:
    """The text encoder of a retrieval model.

    Args:
      config: the model's settings.
      precision: see `model.retrieval_model`.
      ngrams: likewise.

    Raises:
      ConfigError: the n-grams are not those of the settings.
    """
    if (len(ngrams) if ngrams else 0) != config.num_ngrams:
        raise ConfigError(
            f"the model's settings name {config.num_ngrams} n-grams and {len(ngrams) if ngrams else 0} are given"
        )
    return text_encoder(
        config.vocabulary_size,
        config.word_dim,
        config.gru_units,
        config.gru_reset_after,
        config.text_pooling,
        config.bidirectional,
        precision,
        config.levels,
        ngrams,
        config.ngram_dropout,
    )
