"""What Deep Fragment and DVSA share: both sides as fragments, whose inner products make a pair's score."""

import abc
import dataclasses
import functools

import keras
import numpy as np
import tensorflow as tf

from cmr.comparators.settings.fragments import FragmentSettings
from cmr.comparators.system import NeuralSystem, ScoreSystem
from cmr.data.examples import Examples
from cmr.errors import ConfigError
from cmr.evaluation.similarities import Similarities
from cmr.retrieval.losses import PairwiseRankingLoss

CELLS, WORDS, IMAGE = "cells", "words", "image"

# Sentences whose pairs with a block of images are scored at once.
_SENTENCES_AT_ONCE = 256


@dataclasses.dataclass(frozen=True)
class _EncodedSentences:
    """Fragments of all sentences of a fold, as long as their weights hold.

    Attributes:
      captions: the numbers that `scores` was given.
      blocks: places in `captions` `[m]`, fragments `[m, T, dim]` and their mask `[m, T]`; of similar length.
    """

    captions: np.ndarray
    blocks: list[tuple[np.ndarray, tf.Tensor, tf.Tensor]]


class FragmentSystem(ScoreSystem, NeuralSystem):
    """A system that scores a pair by the inner products of its image's fragments with its sentence's.

    An image's fragments are the cells of its grid and the whole image, the mean of them, each with norm 1 and mapped
    linearly: `v_i = W_m x_i + b_m`, where the papers have the CNN's fc7 of R-CNN's regions and of the whole image.
    """

    settings: FragmentSettings
    _encoded: _EncodedSentences | None = None

    @abc.abstractmethod
    def sentence_fragments(self, words: keras.KerasTensor, vectors: keras.layers.Embedding) -> keras.KerasTensor:
        """The fragments of sentences, as a part of a functional model.

        Args:
          words: `[batch, T]` int32, ids of the words with their end word, padded on the right.
          vectors: the words' fixed vectors.

        Returns:
          `[batch, T', dim]` float32.
        """

    @abc.abstractmethod
    def fragment_mask(self, words: tf.Tensor) -> tf.Tensor:
        """`[batch, T']` bool: which of `sentence_fragments` there are."""

    @abc.abstractmethod
    def pair_scores(self, products: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The scores of all pairs.

        Args:
          products: `[n, R, m, T']` float32, `v_i s_j` of every fragment i of n images and j of m sentences.
          mask: `[m, T']` bool.

        Returns:
          `[n, m]` float32.
        """

    def build(self, train: Examples) -> None:
        _, num_cells, cell_dim = _grid(train).shape
        cells = keras.Input((num_cells, cell_dim), name=CELLS)
        words = keras.Input((None,), dtype="int32", name=WORDS)
        vectors = self.given.word_vectors
        embedding = keras.layers.Embedding(
            *vectors.vectors.shape, weights=[vectors.vectors], trainable=False, name="word_vectors"
        )
        image_encoder = keras.Model(cells, self._image_fragments(cells), name="image_encoder")
        text_encoder = keras.Model(words, self.sentence_fragments(words, embedding), name="text_encoder")
        self.model = keras.Model([cells, words], [image_encoder(cells), text_encoder(words)])

    def _image_fragments(self, cells: keras.KerasTensor) -> keras.KerasTensor:
        whole = keras.ops.mean(cells, axis=1, keepdims=True)
        fragments = keras.layers.UnitNormalization(axis=-1)(keras.ops.concatenate([cells, whole], axis=1))
        fragments = keras.layers.Dropout(self.settings.dropout)(fragments)
        return keras.layers.Dense(self.settings.dim, name="fragments")(fragments)

    def batch(self, train: Examples, captions: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
        images = train.image_of_caption[captions]
        return {CELLS: _cells(train, images), WORDS: train.padded(captions), IMAGE: images}

    def products(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Of a training batch: `[B, R, B, T']` products, `[B, T']` mask, and `[B, B]` bool, who shares an image."""
        cells = tf.cast(batch[CELLS], tf.float32)
        images, sentences = self.model([cells, batch[WORDS]], training=True)
        same_image = batch[IMAGE][:, None] == batch[IMAGE][None, :]
        return _products(images, sentences), self.fragment_mask(batch[WORDS]), same_image

    def similarities(self, split: Examples, folds: int = 1) -> Similarities:
        # The weights may be others than those of the last call.
        self._encoded = None
        return super().similarities(split, folds)

    def scores(self, split: Examples, images: np.ndarray, captions: np.ndarray) -> np.ndarray:
        if self._encoded is None or self._encoded.captions is not captions:
            self._encoded = self._encode(split, captions)
        fragments = self._image_encoder(tf.cast(_cells(split, images), tf.float32))
        scores = np.empty((len(images), len(captions)), np.float32)
        for places, sentences, mask in self._encoded.blocks:
            scores[:, places] = self._block_scores(fragments, sentences, mask)
        return scores

    def _encode(self, split: Examples, captions: np.ndarray) -> _EncodedSentences:
        # Sentences of similar length stand together, so that a block pads little.
        order = np.argsort(split.lengths[captions], kind="stable")
        blocks = []
        for start in range(0, len(order), _SENTENCES_AT_ONCE):
            places = order[start : start + _SENTENCES_AT_ONCE]
            words = tf.convert_to_tensor(split.padded(captions[places]))
            blocks.append((places, self._text_encoder(words), self.fragment_mask(words)))
        return _EncodedSentences(captions, blocks)

    @functools.cached_property
    def _image_encoder(self):
        encoder = self.model.get_layer("image_encoder")
        return tf.function(lambda cells: encoder(cells, training=False), reduce_retracing=True)

    @functools.cached_property
    def _text_encoder(self):
        encoder = self.model.get_layer("text_encoder")
        return tf.function(lambda words: encoder(words, training=False), reduce_retracing=True)

    @functools.cached_property
    def _block_scores(self):
        return tf.function(
            lambda images, sentences, mask: self.pair_scores(_products(images, sentences), mask), reduce_retracing=True
        )


def ranking_loss(scores: tf.Tensor, same_image: tf.Tensor, margin: float) -> tf.Tensor:
    """Hinges of both directions over a batch's pairs, with the other images' as negatives; the mean of a query.

        sum_k [sum_l max(0, S_kl - S_kk + margin) + sum_l max(0, S_lk - S_kk + margin)] / B

    Args:
      scores: `[B, B]` float32, of image k with sentence l; pair k stands on the diagonal.
      same_image: `[B, B]` bool; such pairs are no negatives of each other.
      margin: in units of the score.
    """
    negatives = tf.logical_not(same_image)
    loss = PairwiseRankingLoss(margin, "mean", dtype=scores.dtype)
    return loss(tf.linalg.diag_part(scores), scores, tf.transpose(scores), negatives, negatives)


def _products(images: tf.Tensor, sentences: tf.Tensor) -> tf.Tensor:
    """`[n, R, dim]` and `[m, T, dim]` to `[n, R, m, T]`: the inner product of every two fragments."""
    return tf.tensordot(images, sentences, [[2], [2]])


def _grid(split: Examples):
    """The array of the one grid that a split's features are."""
    arrays = [rows.array for rows in split.features.values()]
    if len(arrays) != 1:
        raise ConfigError("fragments are of one grid; give --image_features alone, without --vgg_features")
    return arrays[0]


def _cells(split: Examples, images: np.ndarray) -> np.ndarray:
    """`[len(images), cells, dim]` float16."""
    (rows,) = split.features.values()
    return rows.take(images)
