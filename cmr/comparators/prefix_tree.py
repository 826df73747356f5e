"""Sentences as a tree of their beginnings, so that a language model reads "a man in a ..." once for all of them.

A language model's next word depends on the words before it alone, so sentences that begin alike share its states. Of
Flickr8K's 5,000 test sentences, 59,333 words long, that leaves 40,340 states an image.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Level:
    """The different beginnings of one length (nodes), and the words that follow them (edges).

    Attributes:
      parent: `[nodes]` int32, each one's beginning without its last word, a node of the level before; 0 at the root.
      word: `[nodes]` int32, its last word; the start word at the root.
      edge_node: `[edges]` int32, a node of this level.
      edge_word: `[edges]` int32, a word that follows it.
    """

    parent: np.ndarray
    word: np.ndarray
    edge_node: np.ndarray
    edge_word: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class PrefixTree:
    """All beginnings of some sentences.

    Attributes:
      levels: by the number of words, from none.
      edge_of_word: `[words]` int64, the edge of every word of the sentences one after the other, the edges of all
        levels being counted through.
      starts: `[sentences]` int64, where each sentence begins in `edge_of_word`.
    """

    levels: tuple[Level, ...]
    edge_of_word: np.ndarray
    starts: np.ndarray

    @classmethod
    def of_sentences(cls, captions: np.ndarray, lengths: np.ndarray, start_id: int) -> "PrefixTree":
        """Builds the tree.

        Args:
          captions: `[sentences, longest]` int32, word ids, padded on the right.
          lengths: `[sentences]` int64, words of each, at least one.
          start_id: the word before the first one.
        """
        edges = np.zeros(captions.shape, np.int64)
        levels, first_edge = [], 0
        nodes = np.zeros(len(captions), np.int64)
        parent, word = np.zeros(1, np.int32), np.array([start_id], np.int32)
        for place in range(lengths.max()):
            inside = np.flatnonzero(lengths > place)
            pairs = np.stack([nodes[inside], captions[inside, place]], axis=1)
            different, edge = np.unique(pairs, axis=0, return_inverse=True)
            edge = edge.reshape(-1)
            edges[inside, place] = first_edge + edge
            edge_node, edge_word = different.astype(np.int32).T
            levels.append(Level(parent, word, edge_node, edge_word))
            first_edge += len(different)
            # The nodes of the next level: those words behind which a sentence goes on.
            goes_on = lengths[inside] > place + 1
            followed, node = np.unique(edge[goes_on], return_inverse=True)
            nodes[inside[goes_on]] = node.reshape(-1)
            parent, word = edge_node[followed], edge_word[followed]
        within = np.arange(captions.shape[1]) < lengths[:, None]
        return cls(tuple(levels), edges[within], np.concatenate([[0], np.cumsum(lengths)[:-1]]))

    def sums(self, of_edges: np.ndarray) -> np.ndarray:
        """Adds up over each sentence's words.

        Args:
          of_edges: `[images, edges]`, a value of each edge, the levels one after the other.

        Returns:
          `[images, sentences]` float64.
        """
        return np.add.reduceat(of_edges[:, self.edge_of_word].astype(np.float64), self.starts, axis=1)
