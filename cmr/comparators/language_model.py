"""Ranking by a language model that reads an image: log p(sentence | image) of all pairs, and what it is divided by."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import tensorflow as tf

from cmr.comparators.prefix_tree import PrefixTree
from cmr.comparators.word_softmax import WordSoftmax

# Images times states of the longest level; 8,192 LSTM states of 512 with their gates are some 100 MB.
_STATES_AT_ONCE = 8192


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
