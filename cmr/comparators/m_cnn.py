"""m-CNN: each of the four matching networks trained to rank pairs, and the sum of their scores.

Reference: Ma, Lu, Shang, Li, "Multimodal convolutional neural networks for matching image and sentence", 2015.
"""

import dataclasses
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from cmr.comparators.m_cnn_model import ENTERS_AT, MAX_WORDS, WORDS, Sizes, matching_cnn
from cmr.comparators.settings.m_cnn import MCnnSettings
from cmr.comparators.system import NeuralSystem, ScoreSystem, System, side_by_side, with_rms
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.evaluation.similarities import PairScores, Similarities
from cmr.training import rates
from cmr.training.adam import FusedAdam

# Keys of a batch beside the model's inputs.
_IMAGE, _SHIFTS = "image", "shifts"

# Sentences of one length that go through the rest of the network with an image at once.
_SENTENCES_AT_ONCE = 2048

PREFIX = "m_cnn_"

# Of the system that adds up the scores of the others.
ENSEMBLE = f"{PREFIX}ens"
MEMBERS = tuple(f"{PREFIX}{kind}" for kind in ENTERS_AT)


def ranking_loss(scores: tf.Tensor, partner: tf.Tensor, is_wrong: tf.Tensor, margin: float) -> tf.Tensor:
    """max(0, margin - s(right pair) + s(wrong pair)) of every wrong pair, for its sentence and for its image.

    Args:
      scores: `[1 + negatives, batch]` float32: of each sentence with its own image, then with others'.
      partner: `[1 + negatives, batch]` int32, the item of the batch whose image that is.
      is_wrong: `[negatives, batch]` bool, false where the other's image is the sentence's own after all.
      margin: by which the right pair's score should be higher.

    Returns:
      The mean over wrong pairs and both directions.
    """
    right, wrong = scores[0], scores[1:]
    of_sentence = tf.nn.relu(margin - right + wrong)
    of_image = tf.nn.relu(margin - tf.gather(right, partner[1:]) + wrong)
    counted = tf.cast(is_wrong, scores.dtype)
    return tf.reduce_sum(counted * (of_sentence + of_image)) / tf.maximum(2.0 * tf.reduce_sum(counted), 1.0)


@dataclasses.dataclass(frozen=True, eq=False)
class _Sentences:
    """The sentences' part: their numbers, and blocks of columns, the network's part of them and their words."""

    captions: np.ndarray
    blocks: tuple[tuple[np.ndarray, tf.Tensor, tf.Tensor], ...]


class MCnn(ScoreSystem, NeuralSystem):
    """One of the four networks, which the system's name says."""

    settings: MCnnSettings

    def build(self, train: Examples) -> None:
        settings, vectors = self.settings, self.given.word_vectors
        self._parts = matching_cnn(
            self.given.name.removeprefix(PREFIX),
            Sizes(
                feature_dim=side_by_side(train, np.arange(1)).shape[1],
                vocabulary_size=len(self.given.vocabulary),
                word_dim=vectors.dim,
                image_units=settings.image_units,
                filters=(settings.filters_1, settings.filters_2, settings.filters_3),
                hidden_units=settings.hidden_units,
                dropout=settings.dropout,
            ),
        )
        self._parts.sentence.get_layer(WORDS).set_weights([vectors.vectors])
        self.model = self._parts.model
        self._rate = rates.falling(settings.learning_rate, settings.decay_epochs, self.steps_per_epoch(train))

    def optimizer(self) -> keras.optimizers.Optimizer:
        return FusedAdam(self._rate)

    def batch(self, train: Examples, captions: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Sentences, their images, and by how many items of the batch each wrong image is away."""
        others = len(captions) - 1
        shifts = 1 + random.choice(others, min(self.settings.negatives, others), replace=False)
        images = train.image_of_caption[captions]
        return {
            input_names.CAPTION: train.padded(captions),
            input_names.IMAGE_FEATURES: self._features(train, images),
            _IMAGE: images,
            _SHIFTS: shifts.astype(np.int32),
        }

    def loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        of_sentences, num_words = self._parts.sentence(batch[input_names.CAPTION], training=True)
        of_images = self._parts.image(batch[input_names.IMAGE_FEATURES], training=True)
        size = tf.size(num_words)
        shifts = tf.concat([[0], batch[_SHIFTS]], axis=0)
        partner = (tf.range(size)[None] + shifts[:, None]) % size
        rows = tf.size(shifts)
        scores = self._parts.pair(
            [
                tf.tile(of_sentences, [rows, 1, 1]),
                tf.tile(num_words, [rows]),
                tf.gather(of_images, tf.reshape(partner, [-1])),
            ],
            training=True,
        )
        is_wrong = tf.gather(batch[_IMAGE], partner[1:]) != batch[_IMAGE]
        return ranking_loss(tf.reshape(scores, [rows, size]), partner, is_wrong, self.settings.margin)

    def similarities(self, split: Examples, folds: int = 1) -> Similarities:
        self._sentences: _Sentences | None = None
        parts = self._parts

        @tf.function(reduce_retracing=True)
        def sentence(captions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return parts.sentence(captions, training=False)

        @tf.function(reduce_retracing=True)
        def image(features: tf.Tensor) -> tf.Tensor:
            return parts.image(features, training=False)

        @tf.function(reduce_retracing=True)
        def pair(of_sentences: tf.Tensor, num_words: tf.Tensor, of_image: tf.Tensor) -> tf.Tensor:
            return parts.pair(
                [of_sentences, num_words, tf.repeat(of_image, tf.size(num_words), axis=0)], training=False
            )

        self._sentence, self._image, self._pair = sentence, image, pair
        return super().similarities(split, folds)

    def scores(self, split: Examples, images: np.ndarray, captions: np.ndarray) -> np.ndarray:
        if self._sentences is None or not np.array_equal(self._sentences.captions, captions):
            self._sentences = _Sentences(captions, tuple(self._of_sentences(split, captions)))
        scores = np.empty((len(images), len(captions)), np.float32)
        of_images = self._image(tf.constant(self._features(split, images)))
        for row in range(len(images)):
            for columns, of_sentences, num_words in self._sentences.blocks:
                scores[row, columns] = self._pair(of_sentences, num_words, of_images[row : row + 1]).numpy()
        return scores

    def _features(self, split: Examples, images: np.ndarray) -> np.ndarray:
        rms = self.settings.image_rms
        return with_rms(split, images, rms) if rms else side_by_side(split, images)

    def _of_sentences(self, split: Examples, captions: np.ndarray) -> Iterator[tuple[np.ndarray, tf.Tensor, tf.Tensor]]:
        """What belongs to the sentences alone, those of like length together, so that no padding is computed."""
        # Two words are one place, where the image enters at the words; else more.
        lengths = np.minimum(split.lengths[captions] - 1, MAX_WORDS) + 1
        for length in np.unique(lengths // 2):
            of_length = np.flatnonzero(lengths // 2 == length)
            for start in range(0, len(of_length), _SENTENCES_AT_ONCE):
                columns = of_length[start : start + _SENTENCES_AT_ONCE]
                yield columns, *self._sentence(tf.constant(split.padded(captions[columns])))


class MCnnEnsemble(System):
    """The sum of the four networks' scores, of finished runs with the same settings, features and seed."""

    def fit(self, train: Examples, val: Examples) -> None:
        """Learns nothing."""

    def similarities(self, split: Examples, folds: int = 1) -> Similarities:
        of_members = [said.folds for said in self.given.members.similarities(split, folds)]
        return PairScores(tuple(np.sum(scores, axis=0) for scores in zip(*of_members, strict=True)))
