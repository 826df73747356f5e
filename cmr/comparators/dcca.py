"""DCCA: two stacks of dense layers whose outputs correlate as much as they can."""

import keras
import numpy as np
import tensorflow as tf

from cmr.comparators import canonical
from cmr.comparators.ngrams import Ngrams
from cmr.comparators.settings.dense import DccaSettings
from cmr.comparators.system import EmbeddingSystem, NeuralSystem, side_by_side
from cmr.data.examples import Examples
from cmr.evaluation.encoding import Embeddings


class Dcca(EmbeddingSystem, NeuralSystem):
    """Deep canonical correlation analysis of the CNN's features with a sentence's tf-idf.

    Reference: Yan, Mikolajczyk, "Deep correlation for matching images and text", 2015.
    """

    settings: DccaSettings

    def build(self, train: Examples) -> None:
        settings = self.settings
        self._ngrams = Ngrams(train.captions, settings, self.given.seed)
        self._train, self._train_texts = train, self._ngrams.vectors(train.captions)
        image = keras.Input((side_by_side(train, np.arange(1)).shape[1],), name="image")
        text = keras.Input((self._train_texts.shape[1],), name="text")
        self._stacks = {"image": self._stack(image), "text": self._stack(text)}
        self.model = keras.Model([image, text], [self._stacks[name](each) for name, each in _named(image, text)])

    def _stack(self, given: keras.KerasTensor) -> keras.Model:
        settings, outputs = self.settings, given
        for _ in range(settings.layers):
            outputs = keras.layers.Dropout(settings.dropout)(outputs)
            outputs = keras.layers.Dense(settings.hidden_units, activation="relu")(outputs)
        return keras.Model(given, keras.layers.Dense(settings.dims)(outputs), name=f"{given.name}_stack")

    def batch(self, train: Examples, captions: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
        images = train.image_of_caption[captions]
        return {"image": side_by_side(train, images), "text": self._train_texts[captions]}

    def loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """`dims` less the sum of the batch's canonical correlations, each of which is at most 1."""
        images, texts = self.model([batch["image"], batch["text"]], training=True)
        both = tf.cast(images, tf.float64), tf.cast(texts, tf.float64)
        return self.settings.dims - tf.cast(total_correlation(*both, self.settings.ridge), tf.float32)

    def embed(self, split: Examples) -> Embeddings:
        # The correlations' own directions, which the objective leaves free to turn.
        train = self._outputs(side_by_side(self._train), self._train_texts)
        maps = canonical.fit(*train, self._train.image_of_caption, self.settings.dims, self.settings.cca_ridge)
        images, texts = self._outputs(side_by_side(split), self._ngrams.vectors(split.captions))
        return Embeddings(maps.embed_images(images), maps.embed_texts(texts))

    def _outputs(self, images: np.ndarray, texts: np.ndarray) -> list[np.ndarray]:
        return [self._stacks[name].predict(array, batch_size=1024, verbose=0) for name, array in _named(images, texts)]


def _named(image, text) -> tuple:
    return ("image", image), ("text", text)


def total_correlation(images: tf.Tensor, texts: tf.Tensor, ridge: float) -> tf.Tensor:
    """The sum of the canonical correlations of a batch's pairs: the trace norm of the whitened cross-covariance.

    `T = C_ii^(-1/2) C_it C_tt^(-1/2) = U D V'`, corr = tr(D), with a ridge on the diagonals of C_ii and C_tt. Its
    derivative is written out, since that through an SVD divides by differences of singular values: by H_i it is
    `(2 H_i G_ii + H_t G_ti) / n` with `G_ti = C_tt^(-1/2) V U' C_ii^(-1/2)` and
    `G_ii = -1/2 C_ii^(-1/2) U D U' C_ii^(-1/2)`.

    Reference: Andrew, Arora, Bilmes, Livescu, "Deep canonical correlation analysis", 2013, Eqs. 10-13.

    Args:
      images: `[n, dims]` float64, outputs of one stack; a row a pair.
      texts: `[n, dims]` float64, of the other.
      ridge: added to the variances.

    Returns:
      A scalar, float64.
    """

    @tf.custom_gradient
    def correlation(images: tf.Tensor, texts: tf.Tensor) -> tuple:
        count = tf.cast(tf.shape(images)[0], images.dtype)
        first, second = images - tf.reduce_mean(images, 0), texts - tf.reduce_mean(texts, 0)
        root_first, root_second = _inverse_root(first, ridge), _inverse_root(second, ridge)
        whitened = root_first @ (tf.transpose(first) @ second / count) @ root_second
        correlations, left, right = tf.linalg.svd(whitened)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            both = root_first @ left @ tf.transpose(right) @ root_second
            alone_first = root_first @ (left * correlations) @ tf.transpose(left) @ root_first
            alone_second = root_second @ (right * correlations) @ tf.transpose(right) @ root_second
            scale = upstream / count
            return (
                scale * (second @ tf.transpose(both) - first @ alone_first),
                scale * (first @ both - second @ alone_second),
            )

        return tf.reduce_sum(correlations), gradient

    return correlation(images, texts)


def _inverse_root(centred: tf.Tensor, ridge: float) -> tf.Tensor:
    covariance = tf.transpose(centred) @ centred / tf.cast(tf.shape(centred)[0], centred.dtype)
    values, vectors = tf.linalg.eigh(covariance)
    return (vectors / tf.sqrt(tf.maximum(values, 0.0) + ridge)) @ tf.transpose(vectors)
