"""ngrams.txt: the words and pairs of words of the training sentences that the level of n-grams reads."""

import collections
import dataclasses
import hashlib
import itertools
import os
from collections.abc import Iterable, Sequence

import numpy as np

from cmr.errors import WorkspaceError
from cmr.workspace import line_files
from cmr.workspace.vocabulary import END, END_ID, PAD_ID, Vocabulary

Ngram = tuple[int, int]


def ngrams_of(words: Sequence[int]) -> list[Ngram]:
    """The n-grams of a sentence, one as often as it stands there: each word, and each pair of words side by side.

    Args:
      words: word ids; what is no word (`<unk>`, `<end>`) is in no n-gram.

    Returns:
      Pairs of word ids; the second of a single word is 0.
    """
    singles = [(word, PAD_ID) for word in words if word > END_ID]
    return singles + [pair for pair in itertools.pairwise(words) if min(pair) > END_ID]


@dataclasses.dataclass(frozen=True)
class Ngrams:
    """N-grams, by falling count; the position is the row of the level's table.

    Attributes:
      rows: pairs of word ids, as `ngrams_of` gives them.
      counts: training sentences that hold each.
      num_sentences: all training sentences.
    """

    rows: tuple[Ngram, ...]
    counts: tuple[int, ...]
    num_sentences: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def inverse_frequencies(self) -> np.ndarray:
        """`[len(self)]` float32, ln((1 + sentences) / (1 + those that hold it)) + 1, never below 1."""
        shares = (1 + self.num_sentences) / (1 + np.array(self.counts, np.float64))
        return (np.log(shares) + 1).astype(np.float32)

    @classmethod
    def from_sentences(cls, sentences: Iterable[Sequence[int]], min_count: int) -> "Ngrams":
        """Counts the n-grams of the training sentences.

        Args:
          sentences: word ids of each.
          min_count: sentences that must hold an n-gram.

        Raises:
          WorkspaceError: none is left.
        """
        counter: collections.Counter[Ngram] = collections.Counter()
        num_sentences = 0
        for words in sentences:
            counter.update(set(ngrams_of(words)))
            num_sentences += 1
        kept = sorted((row for row in counter if counter[row] >= min_count), key=lambda row: (-counter[row], row))
        if not kept:
            raise WorkspaceError(
                f"no word of the training sentences stands in {min_count} of them; lower --min_ngram_count, or leave "
                "ngrams out of --text_levels"
            )
        return cls(tuple(kept), tuple(counter[row] for row in kept), num_sentences)

    def checksum(self) -> str:
        """SHA-256 of all that it says."""
        lines = (f"{first} {second} {count}" for (first, second), count in zip(self.rows, self.counts, strict=True))
        return hashlib.sha256("\n".join([str(self.num_sentences), *lines]).encode()).hexdigest()

    def write(self, path: str | os.PathLike, vocabulary: Vocabulary) -> None:
        """Writes `words <tab> sentences` lines; the first is `<end>` with the number of all training sentences."""
        texts = (" ".join(vocabulary.words[word] for word in row if word != PAD_ID) for row in self.rows)
        lines = (f"{text}\t{count}" for text, count in zip(texts, self.counts, strict=True))
        line_files.write_lines(path, [f"{END}\t{self.num_sentences}", *lines], "n-gram")

    @classmethod
    def read(cls, path: str | os.PathLike, vocabulary: Vocabulary, mend: str) -> "Ngrams":
        """Reads ngrams.txt.

        Args:
          path: of the file.
          vocabulary: that it was written with.
          mend: what makes it again.

        Raises:
          WorkspaceError: it is missing, damaged, or of other words.
        """
        first, *lines = line_files.read_lines(path, WorkspaceError, mend) or [""]
        end, num_sentences = _fields(path, 1, first, mend)
        if end != END or not lines:
            raise WorkspaceError(f"{path} must open with {END} and name an n-gram; {mend}")
        rows, counts = [], []
        for number, line in enumerate(lines, start=2):
            text, count = _fields(path, number, line, mend)
            words = [vocabulary.ids.get(word, END_ID) for word in text.split(" ")]
            if len(words) > 2 or min(words) <= END_ID:
                raise WorkspaceError(
                    f"{path}, line {number}: {text[:40]!r} is no word or pair of the vocabulary; {mend}"
                )
            rows.append((words[0], words[1] if len(words) == 2 else PAD_ID))
            counts.append(count)
        return cls(tuple(rows), tuple(counts), num_sentences)


def _fields(path: str | os.PathLike, number: int, line: str, mend: str) -> tuple[str, int]:
    text, _, count = line.partition("\t")
    if not (count.isascii() and count.isdigit() and len(count) <= 18):
        raise WorkspaceError(f"{path}, line {number}: not 'words <tab> sentences'; {mend}")
    return text, int(count)
