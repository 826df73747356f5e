"""Ranking by a language model that reads an image: log p(sentence | image) of all pairs, and what it is divided by."""

import abc
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from cmr.comparators.prefix_tree import PrefixTree
from cmr.comparators.settings.language_models import MRnnSettings, NicSettings
from cmr.comparators.system import ScoreSystem
from cmr.comparators.word_softmax import WordSoftmax
from cmr.data.examples import Examples
from cmr.evaluation.similarities import Similarities

# Images times states of the longest level; 8,192 LSTM states of 512 with their gates are some 100 MB.
_STATES_AT_ONCE = 8192

# Stream of random numbers that shares the run's seed.
_MARGINAL_IMAGES = 1


class LanguageModel(Protocol):
    """A trained language model, as scoring takes it.

    Attributes:
      start_id: the word before the first one.
      softmax: over its words.
    """

    start_id: int
    softmax: WordSoftmax

    def hidden_states(self, features: np.ndarray, tree: PrefixTree) -> Iterator[tf.Tensor]:
        """What the softmax reads.

        Args:
          features: `[images, feature_dim]` float32.
          tree: of the sentences.

        Yields:
          For each level of the tree `[images, nodes of the level, units]` float32.
        """


def log_probabilities(model: LanguageModel, features: np.ndarray, tree: PrefixTree) -> np.ndarray:
    """log p(sentence | image) of all pairs, the sum over the sentence's words, its end word among them.

    Args:
      model: the language model.
      features: `[images, feature_dim]` float32.
      tree: of the sentences, begun with the model's start word.

    Returns:
      `[images, sentences]` float64.
    """
    widest = max(len(level.parent) for level in tree.levels)
    at_once = max(1, _STATES_AT_ONCE // widest)
    blocks = []
    for start in range(0, len(features), at_once):
        states_of_levels = model.hidden_states(features[start : start + at_once], tree)
        of_edges = [
            model.softmax.log_probabilities(states, level.edge_node, level.edge_word)
            for states, level in zip(states_of_levels, tree.levels, strict=True)
        ]
        blocks.append(tree.sums(np.concatenate(of_edges, axis=1)))
    return np.concatenate(blocks)


def log_marginals(of_pairs: np.ndarray) -> np.ndarray:
    """log p(sentence) = log of the mean over images of p(sentence | image).

    Args:
      of_pairs: `[images, sentences]` float64, log p(sentence | image) with images of the training split.

    Returns:
      `[sentences]` float64.
    """
    highest = of_pairs.max(axis=0)
    return highest + np.log(np.mean(np.exp(of_pairs - highest), axis=0))


@dataclasses.dataclass(frozen=True, eq=False)
class _Sentences:
    """What belongs to the sentences alone.

    Attributes:
      captions: `[sentences]` int64, their numbers.
      tree: of them.
      marginals: `[sentences]` float64, log p(sentence); zeros where it is not taken off.
      divisors: `[sentences]` float64, their words; ones where log p is not taken by the word.
    """

    captions: np.ndarray
    tree: PrefixTree
    marginals: np.ndarray
    divisors: np.ndarray


class LanguageModelSystem(ScoreSystem):
    """A system whose score of a pair is log p(sentence | image), by its settings less log p(sentence), and by the word.

    Both change the order of an image's sentences; among a sentence's images they are the same for all.
    """

    settings: NicSettings | MRnnSettings

    @abc.abstractmethod
    def language_model(self) -> LanguageModel:
        """The model with its weights as they are now."""

    @abc.abstractmethod
    def features(self, split: Examples, images: np.ndarray) -> np.ndarray:
        """What the model reads of images: `[len(images), feature_dim]` float32."""

    def words(self, split: Examples, captions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sentences as the model reads them: ids `[n, longest]` int32, padded on the right, and lengths `[n]` int64."""
        return split.padded(captions), split.lengths[captions]

    def draw_marginal_images(self, train: Examples) -> None:
        """Keeps the features of the training images over which p(sentence) is a mean."""
        random = np.random.default_rng([self.given.seed, _MARGINAL_IMAGES])
        number = min(self.settings.marginal_images, train.num_images)
        self._marginal_features = self.features(train, random.choice(train.num_images, number, replace=False))

    @property
    def notes(self) -> Sequence[str]:
        settings = self.settings
        score = "log p(sentence | image)"
        if settings.marginal_images:
            score += f" less log p(sentence), a mean over {len(self._marginal_features):,} training images"
        return [f"Ranked by {score}{', divided by the words of the sentence' if settings.per_word else ''}."]

    def similarities(self, split: Examples, folds: int = 1) -> Similarities:
        self._model, self._sentences = self.language_model(), None
        return super().similarities(split, folds)

    def scores(self, split: Examples, images: np.ndarray, captions: np.ndarray) -> np.ndarray:
        if self._sentences is None or not np.array_equal(self._sentences.captions, captions):
            self._sentences = self._of_sentences(split, captions)
        of_pairs = log_probabilities(self._model, self.features(split, images), self._sentences.tree)
        return ((of_pairs - self._sentences.marginals) / self._sentences.divisors).astype(np.float32)

    def _of_sentences(self, split: Examples, captions: np.ndarray) -> _Sentences:
        ids, lengths = self.words(split, captions)
        tree = PrefixTree.of_sentences(ids, lengths, self._model.start_id)
        marginals, divisors = np.zeros(len(captions)), np.ones(len(captions))
        if len(self._marginal_features):
            marginals = log_marginals(log_probabilities(self._model, self._marginal_features, tree))
        if self.settings.per_word:
            divisors = lengths.astype(np.float64)
        return _Sentences(captions, tree, marginals, divisors)
