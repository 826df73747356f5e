"""The tree of sentences' beginnings: what is shared, and that nothing is lost."""

import hypothesis
import numpy as np
from hypothesis import strategies

from cmr.comparators.prefix_tree import PrefixTree

START = 9


def tree_of(sentences):
    longest = max(map(len, sentences))
    captions = np.array([[*words, *[0] * (longest - len(words))] for words in sentences], np.int32)
    return PrefixTree.of_sentences(captions, np.array([len(words) for words in sentences]), START)


def beginnings_of(tree):
    """Of every edge of the tree its beginning and its word, found by walking up."""
    beginnings, edges = [[()]], []
    for depth, level in enumerate(tree.levels):
        if depth:
            before = beginnings[-1]
            beginnings.append([(*before[parent], word) for parent, word in zip(level.parent, level.word, strict=True)])
        edges += [(beginnings[-1][node], word) for node, word in zip(level.edge_node, level.edge_word, strict=True)]
    return edges


SENTENCES = strategies.lists(
    strategies.lists(strategies.integers(3, 6), min_size=0, max_size=5).map(lambda words: (*words, 2)),
    min_size=1,
    max_size=12,
)


@hypothesis.settings(deadline=None)
@hypothesis.given(SENTENCES)
def test_every_word_of_every_sentence_follows_its_own_beginning(sentences):
    tree = tree_of(sentences)

    edges = beginnings_of(tree)

    bounds = [*tree.starts, len(tree.edge_of_word)]
    for number, words in enumerate(sentences):
        of_words = tree.edge_of_word[bounds[number] : bounds[number + 1]]
        assert [edges[edge] for edge in of_words] == [(words[:place], words[place]) for place in range(len(words))]


@hypothesis.settings(deadline=None)
@hypothesis.given(SENTENCES)
def test_no_beginning_is_there_twice_and_none_for_nothing(sentences):
    tree = tree_of(sentences)

    num_nodes = sum(len(level.parent) for level in tree.levels)
    assert num_nodes == len({words[:place] for words in sentences for place in range(len(words))})


def test_the_root_is_the_start_word():
    root = tree_of([(3, 2), (4, 2)]).levels[0]

    assert (root.parent.tolist(), root.word.tolist()) == ([0], [START])


def test_sums_add_up_over_each_sentences_words():
    tree = tree_of([(3, 4, 2), (3, 2), (3, 4, 2)])
    # Edges: 3; 2 and 4 behind it; 2 behind both.
    of_edges = np.array([[1.0, 10.0, 100.0, 1000.0]])

    np.testing.assert_array_equal(tree.sums(of_edges), [[1101.0, 11.0, 1101.0]])
