"""The interface of every comparator: it is fitted on a split, then says how alike the pairs of another one are."""

import abc
import contextlib
import dataclasses
import math
import pathlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from cmr import progress
from cmr.captioner.files import Captioner
from cmr.comparators.members import Members
from cmr.comparators.settings.declared import NeuralSettings, Settings
from cmr.data import order
from cmr.data.examples import Examples
from cmr.data.word_vectors import WordVectors
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.similarities import PairScores, Similarities
from cmr.training.adam import FusedAdam
from cmr.workspace import atomic_files
from cmr.workspace.numpy_files import UNREADABLE
from cmr.workspace.vocabulary import Vocabulary

# Images whose pairs are scored at once.
_IMAGES_AT_ONCE = 50


@dataclasses.dataclass(frozen=True)
class Given:
    """What a system is made of beside its settings.

    Attributes:
      name: of the system, a key of `registry.SYSTEMS`; systems of several names have one class.
      vocabulary: of the data set.
      word_vectors: a row a word of the vocabulary; None where its settings take none.
      seed: of all that is random.
      captioner: a trained one; None where its settings take none.
      members: finished runs of other systems; None for a system that is not made of others.
    """

    name: str
    vocabulary: Vocabulary
    word_vectors: WordVectors | None
    seed: int
    captioner: Captioner | None = None
    members: Members | None = None


class System(abc.ABC):
    """A system of the paper's tables.

    Its settings are a class of `settings/`, the attributes those of the constructor.

    Args:
      settings: its own.
      given: vocabulary, word vectors, seed.
    """

    def __init__(self, settings: Settings, given: Given):
        self.settings = settings
        self.given = given

    @abc.abstractmethod
    def fit(self, train: Examples, val: Examples) -> None:
        """Learns from the training split; may choose among settings on the validation split."""

    @abc.abstractmethod
    def similarities(self, split: Examples, folds: int = 1) -> Similarities:
        """What it says of the pairs of a split, cut into equal parts as in `Examples.folds`."""

    @property
    def notes(self) -> Sequence[str]:
        """Sentences for every table beside its settings' own, such as what it chose on validation."""
        return ()


class EmbeddingSystem(System):
    """A system whose score of a pair is the cosine of two vectors."""

    def similarities(self, split: Examples, folds: int = 1) -> Similarities:
        return self.embed(split)

    @abc.abstractmethod
    def embed(self, split: Examples) -> Embeddings:
        """Embeds every image and every sentence of a split, as unit vectors (`unit`)."""


class ScoreSystem(System):
    """A system whose score of a pair takes both sides at once.

    Attributes:
      blocks_dir: where scores are kept while they are computed, so that a stopped process goes on; None keeps none.
    """

    blocks_dir: pathlib.Path | None = None

    def similarities(self, split: Examples, folds: int = 1) -> Similarities:
        matrices = []
        with progress.progress_bar(split.num_images, "image", "scoring pairs") as bar:
            for fold, (images, captions) in enumerate(split.folds(folds)):
                scores = np.empty((images.stop - images.start, len(captions)), np.float32)
                for start in range(images.start, images.stop, _IMAGES_AT_ONCE):
                    rows = np.arange(start, min(start + _IMAGES_AT_ONCE, images.stop))
                    block = self._kept_scores(f"{fold}-{start}", split, rows, captions)
                    scores[rows - images.start] = block
                    bar.update(len(rows))
                matrices.append(scores)
        return PairScores(tuple(matrices))

    def _kept_scores(self, name: str, split: Examples, images: np.ndarray, captions: np.ndarray) -> np.ndarray:
        """A block's `scores`, read where a stopped process has left them."""
        if self.blocks_dir is None:
            return self.scores(split, images, captions)
        path = self.blocks_dir / f"{name}.npy"
        # A damaged one is computed again, like one that is not there yet.
        with contextlib.suppress(*UNREADABLE):
            kept = np.load(path)
            if kept.shape == (len(images), len(captions)):
                return kept
        block = self.scores(split, images, captions)
        with atomic_files.atomic_path(path) as temporary:
            np.save(temporary, block)
        return block

    @abc.abstractmethod
    def scores(self, split: Examples, images: np.ndarray, captions: np.ndarray) -> np.ndarray:
        """Scores a block of pairs.

        What belongs to the sentences alone may be kept from one call to the next, which has the same ones.

        Args:
          split: the examples.
          images: `[at most 50]` int64, numbers of images.
          captions: `[num_captions]` int64, numbers of all sentences of the fold.

        Returns:
          `[len(images), len(captions)]` float32, the more the better.
        """


class NeuralSystem(System):
    """A system that the shared trainer trains (`trainer.Trainer`); its `fit` is the trainer's.

    Subclasses are one of the two above as well: `class Devise(EmbeddingSystem, NeuralSystem)`.

    Attributes:
      settings: a `NeuralSettings`.
      model: all that is trained, made by `build`; its losses are not read.
    """

    settings: NeuralSettings
    model: keras.Model

    def fit(self, train: Examples, val: Examples) -> None:
        raise TypeError("a NeuralSystem is trained by comparators.trainer.Trainer, which keeps its states")

    @abc.abstractmethod
    def build(self, train: Examples) -> None:
        """Makes `model`, every weight of it, for the training split; Keras's seed is set."""

    @abc.abstractmethod
    def batch(self, train: Examples, captions: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
        """What `loss` needs of a batch, as arrays.

        Args:
          train: the training split.
          captions: `[batch_size]` int64, numbers of sentences of similar length.
          random: a function of (seed, epoch, step), such as for negatives.
        """

    @abc.abstractmethod
    def loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The loss of a batch with the model in training, a scalar; compiled."""

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Adam at the settings' rate; its `learning_rate` may be a schedule."""
        return FusedAdam(self.settings.learning_rate)

    def steps_per_epoch(self, train: Examples) -> int:
        """Batches of an epoch."""
        return train.num_captions // self.settings.batch_size

    def batches(self, train: Examples, epoch: int, first_step: int) -> Iterator[dict[str, np.ndarray]]:
        """The batches of an epoch from a step on, a function of (seed, epoch, step): all sentences, shuffled."""
        seed = self.given.seed
        shuffled = order.shuffled_batches(train.lengths, self.settings.batch_size, seed, epoch, 0)
        for step in range(first_step, len(shuffled)):
            yield self.batch(train, shuffled[step], np.random.default_rng([seed, epoch, step]))


def side_by_side(split: Examples, images: np.ndarray | None = None) -> np.ndarray:
    """The features of a split's images, all kinds side by side, each with norm 1.

    Args:
      split: the examples.
      images: `[n]` int64, numbers of images; None for all.

    Returns:
      `[n, sum of feature_dims]` float32.
    """
    rows = np.arange(split.num_images) if images is None else images
    return np.concatenate([unit(features) for features in split.image_inputs(rows).values()], axis=1)


def with_rms(split: Examples, images: np.ndarray | None = None, rms: float = 1.0) -> np.ndarray:
    """`side_by_side` for networks, whose other inputs have values near 1.

    Args:
      split: the examples.
      images: as of `side_by_side`.
      rms: root mean square of an image's values; 1 is near that of VGG's fc7, which papers took as it is.
    """
    vectors = side_by_side(split, images)
    return vectors * np.float32(rms * math.sqrt(vectors.shape[1] / len(split.features)))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their norms: `[n, dim]` float32; a row of zeros stays one."""
    vectors = np.asarray(vectors)
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)
