"""Word2VisualVec: a sentence into the CNN's own feature space."""

import keras
import numpy as np
import tensorflow as tf

from cmr.comparators.settings.dense import W2vvSettings
from cmr.comparators.system import EmbeddingSystem, NeuralSystem, side_by_side, unit
from cmr.data.examples import Examples
from cmr.evaluation.encoding import Embeddings

_SENTENCES_AT_ONCE = 256


class W2vv(EmbeddingSystem, NeuralSystem):
    """A sentence's bag of words, mean word vector and GRU state, side by side, through a network with a hidden layer.

    Reference: Dong, Li, Snoek, "Word2VisualVec: image and video to sentence matching by visual feature prediction",
    2016, whose multi-scale sentence this is.
    """

    settings: W2vvSettings

    def build(self, train: Examples) -> None:
        settings, vectors = self.settings, self.given.word_vectors
        counts = np.bincount(train.tokens, minlength=len(self.given.vocabulary))
        self._bag = np.flatnonzero(counts >= settings.min_count)
        words = keras.Input((None,), dtype="int32", name="words")
        bag, mean = keras.Input((len(self._bag),), name="bag"), keras.Input((vectors.dim,), name="mean")
        table = keras.layers.Embedding(*vectors.vectors.shape, mask_zero=True, name="word_vectors")
        state = keras.layers.GRU(settings.gru_units, name="gru")(table(words))
        hidden = keras.layers.Concatenate()([bag, mean, state])
        hidden = keras.layers.Dense(settings.hidden_units, activation="relu")(hidden)
        hidden = keras.layers.Dropout(settings.dropout)(hidden)
        outputs = keras.layers.Dense(side_by_side(train, np.arange(1)).shape[1], name="visual")(hidden)
        self.model = keras.Model({"words": words, "bag": bag, "mean": mean}, outputs)
        table.set_weights([vectors.vectors])
        self._train_means = vectors.sentence_means(train)

    def batch(self, train: Examples, captions: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
        features = side_by_side(train, train.image_of_caption[captions])
        return {**self._sentences(train, captions, self._train_means), "features": features}

    def loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """`|r(sentence) - v|^2`, summed over the features' dimensions, the mean over the batch."""
        predicted = self.model({name: batch[name] for name in ("words", "bag", "mean")}, training=True)
        return tf.reduce_mean(tf.reduce_sum(tf.square(predicted - batch["features"]), axis=1))

    def embed(self, split: Examples) -> Embeddings:
        means = self.given.word_vectors.sentence_means(split)
        images = side_by_side(split)
        sentences = np.empty((split.num_captions, images.shape[1]), np.float32)
        by_length = np.argsort(split.lengths, kind="stable")
        for start in range(0, split.num_captions, _SENTENCES_AT_ONCE):
            rows = by_length[start : start + _SENTENCES_AT_ONCE]
            sentences[rows] = self.model(self._sentences(split, rows, means), training=False).numpy()
        return Embeddings(unit(images), unit(sentences))

    def _sentences(self, split: Examples, captions: np.ndarray, means: np.ndarray) -> dict[str, np.ndarray]:
        """The network's inputs for sentences of a split."""
        words = split.padded(captions)
        counts = np.zeros((len(captions), len(self.given.vocabulary)), np.float32)
        np.add.at(counts, (np.arange(len(captions))[:, None], words), 1.0)
        return {"words": words, "bag": counts[:, self._bag], "mean": means[captions]}

    def optimizer(self) -> keras.optimizers.Optimizer:
        """RMSprop, the paper's."""
        return keras.optimizers.RMSprop(self.settings.learning_rate)
