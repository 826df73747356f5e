"""ngrams.txt: which words and pairs of words are read, what they weigh, and damaged files."""

import collections
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import WorkspaceError
from cmr.workspace import vocabulary
from cmr.workspace.ngrams import Ngrams, ngrams_of
from cmr.workspace.vocabulary import END_ID, PAD_ID, UNK_ID, Vocabulary

SENTENCES = ("a dog and a dog", "a dog runs", "the cat runs")
WORDS = Vocabulary.from_captions(SENTENCES)


def encoded(sentences):
    return [WORDS.encode(sentence) for sentence in sentences]


def texts(ngrams):
    return [" ".join(WORDS.words[word] for word in row if word) for row in ngrams.rows]


def test_words_and_pairs_that_stand_in_enough_sentences_are_kept():
    ngrams = Ngrams.from_sentences(encoded(SENTENCES), min_count=2)

    assert set(texts(ngrams)) == {"a", "dog", "runs", "a dog"}


def test_a_sentence_counts_once_however_often_it_holds_an_ngram():
    ngrams = Ngrams.from_sentences(encoded(SENTENCES), min_count=1)

    counts = dict(zip(texts(ngrams), ngrams.counts, strict=True))
    assert (counts["a dog"], counts["dog"], counts["and a"], ngrams.num_sentences) == (2, 2, 1, 3)


def test_no_ngram_reaches_over_an_unknown_word_or_the_end():
    assert ngrams_of([5, UNK_ID, 6, 7, END_ID]) == [(5, PAD_ID), (6, PAD_ID), (7, PAD_ID), (6, 7)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(UNK_ID, 8), max_size=6), min_size=1, max_size=8), st.integers(1, 3))
def test_counts_and_weights_are_those_of_a_plain_reading(sentences, min_count):
    holding = collections.Counter()
    for words in sentences:
        holding.update(
            {(a, 0) for a in words if a > 2} | {(a, b) for a, b in itertools.pairwise(words) if a > 2 and b > 2}
        )
    expected = {row: count for row, count in holding.items() if count >= min_count}
    if not expected:
        with pytest.raises(WorkspaceError, match="lower --min_ngram_count"):
            Ngrams.from_sentences(sentences, min_count)
        return

    ngrams = Ngrams.from_sentences(sentences, min_count)

    assert dict(zip(ngrams.rows, ngrams.counts, strict=True)) == expected
    weights = [math.log((1 + len(sentences)) / (1 + count)) + 1 for count in ngrams.counts]
    np.testing.assert_allclose(ngrams.inverse_frequencies, weights, rtol=1e-6)


def test_the_file_is_read_back_as_it_was_written(tmp_path):
    ngrams = Ngrams.from_sentences(encoded(SENTENCES), min_count=1)

    ngrams.write(tmp_path / "ngrams.txt", WORDS)

    assert (tmp_path / "ngrams.txt").read_text().startswith(f"{vocabulary.END}\t3\n")
    read = Ngrams.read(tmp_path / "ngrams.txt", WORDS, "mend it")
    assert read == ngrams
    assert read.checksum() == ngrams.checksum()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: not 'words <tab> sentences'; mend it"),
        ("<end>\t3\n", "must open with <end> and name an n-gram; mend it"),
        ("a\t3\ndog\t2\n", "must open with <end> and name an n-gram; mend it"),
        ("<end>\t3\na dog\n", "line 2: not 'words <tab> sentences'; mend it"),
        ("<end>\t3\na dog\t-2\n", "line 2: not 'words <tab> sentences'; mend it"),
        ("<end>\t3\na zebra\t2\n", "line 2: 'a zebra' is no word or pair of the vocabulary; mend it"),
        ("<end>\t3\na dog runs\t2\n", "line 2: 'a dog runs' is no word or pair of the vocabulary; mend it"),
        ("<end>\t3\na <end>\t2\n", "line 2: 'a <end>' is no word or pair of the vocabulary; mend it"),
        ("<end>\t3\na dog\t2", "is cut off"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path, text, sentence):
    (tmp_path / "ngrams.txt").write_text(text)

    with pytest.raises(WorkspaceError, match=sentence):
        Ngrams.read(tmp_path / "ngrams.txt", WORDS, "mend it")
