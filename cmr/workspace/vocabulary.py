"""vocabulary.txt: the words of the training sentences, and further ones, with their ids."""

import collections
import dataclasses
import functools
import hashlib
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping

from cmr.errors import WorkspaceError
from cmr.workspace import line_files

PAD, UNK, END = "<pad>", "<unk>", "<end>"
PAD_ID, UNK_ID, END_ID = 0, 1, 2
SPECIAL = (PAD, UNK, END)

# A word is letters or digits, with an inner apostrophe ("man's"); punctuation is dropped, as in Karpathy's tokens.
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")

# More digits than any corpus has words are damage, and too many even for int().
_COUNT = re.compile("[0-9]{1,18}")

# Zero width non-joiner and joiner, which shape the letters of one word in Persian and in India's scripts.
_JOINERS = "\u200c\u200d"


def tokenize(caption: str) -> list[str]:
    """Lower-case words of a sentence, punctuation dropped: "A dog's ball." -> ["a", "dog's", "ball"].

    Words are in Unicode's composed form (NFC), and combining marks belong to the letter before them.
    """
    if caption.isascii():
        return _WORD.findall(caption.lower())
    # Lower case may take a letter apart again.
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", caption).lower())
    return [word.replace("\u2019", "'") for word in _marked_word().findall(composed)]


def count_words(sentences: Iterable[str]) -> collections.Counter[str]:
    """Word -> how often some sentences say it."""
    return collections.Counter(word for sentence in sentences for word in tokenize(sentence))


@functools.cache
def _marked_word() -> re.Pattern[str]:
    """`_WORD` with marks behind letters, and with joiners between them; `re` has no class of marks."""
    marks = "".join(filter(_is_mark, map(chr, range(sys.maxunicode + 1))))
    run = rf"[^\W_](?:[^\W_]|[{marks}]|[{_JOINERS}]+(?=[^\W_]|[{marks}]))*"
    return re.compile(rf"{run}(?:['\u2019]{run})*")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Words by id. The ids 0, 1, 2 are `<pad>`, `<unk>`, `<end>`; words follow by falling count, then by spelling.

    Attributes:
      words: every word, the special ones first; the position is the id.
      counts: occurrences in the training sentences; for `<unk>` those of the words left out, for `<end>` the
        number of sentences, for `<pad>` zero. Zero too for a word that other sentences alone say.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]

    @functools.cached_property
    def ids(self) -> dict[str, int]:
        """Id of each word, and of its composed form, which vocabularies of older versions may lack."""
        composed = {unicodedata.normalize("NFC", word): index for index, word in enumerate(self.words)}
        return {**composed, **{word: index for index, word in enumerate(self.words)}}

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def from_captions(cls, captions: Iterable[str], min_word_count: int = 1) -> "Vocabulary":
        """Counts the words of the training sentences; those rarer than `min_word_count` become `<unk>`."""
        sentences = list(captions)
        return cls.from_counts(count_words(sentences), len(sentences), min_word_count)

    @classmethod
    def from_counts(
        cls, counts: Mapping[str, int], sentences: int, min_word_count: int = 1, further: Iterable[str] = ()
    ) -> "Vocabulary":
        """The same of words that are counted already.

        Args:
          counts: word -> how often the training sentences say it.
          sentences: how many those are.
          min_word_count: as of `from_captions`.
          further: words that are kept however rarely the training sentences say them.
        """
        often = (word for word in counts if counts[word] >= min_word_count)
        count_of = {word: counts.get(word, 0) for word in (*often, *further)}
        kept = sorted(count_of, key=lambda word: (-count_of[word], word))
        unknown = sum(counts.values()) - sum(count_of.values())
        return cls((*SPECIAL, *kept), (0, unknown, sentences, *(count_of[word] for word in kept)))

    @property
    def num_unsaid(self) -> int:
        """Words that no training sentence says."""
        return self.counts[len(SPECIAL) :].count(0)

    def encode(self, caption: str) -> list[int]:
        """Ids of the sentence's words, closed by `<end>` (Eq. 1's s_1 ... s_T; there is no start word).

        Older versions cut words at their marks. Where the vocabulary is one of theirs, and holds all pieces of a word
        that it lacks, they stand for it.
        """
        return [index for word in tokenize(caption) for index in self._ids_of(word)] + [END_ID]

    def _ids_of(self, word: str) -> list[int]:
        if word in self.ids:
            return [self.ids[word]]
        if word.isascii() or self.has_marks:
            return [UNK_ID]
        pieces = _WORD.findall(unicodedata.normalize("NFD", word))
        if len(pieces) < 2 or any(piece not in self.ids for piece in pieces):
            return [UNK_ID]
        return [self.ids[piece] for piece in pieces]

    @functools.cached_property
    def has_marks(self) -> bool:
        """Whether a word has one; vocabularies of older versions have none, and words cut there."""
        return any(_is_mark(character) for word in self.words for character in word)

    def checksum(self) -> str:
        """SHA-256 of the words in order: two vocabularies with the same one give every word the same id."""
        return hashlib.sha256("\n".join(self.words).encode("utf-8")).hexdigest()

    def write(self, path: str | os.PathLike) -> None:
        """Writes `word <tab> count` lines, the line number (from 0) being the id."""
        lines = (f"{word}\t{count}" for word, count in zip(self.words, self.counts, strict=True))
        line_files.write_lines(path, lines, "word")

    @classmethod
    def read(cls, path: str | os.PathLike, mend: str = "run data_prep.prepare again") -> "Vocabulary":
        """Reads vocabulary.txt.

        Args:
          path: of the file.
          mend: what makes it again.

        Raises:
          WorkspaceError: the file is missing or not in the format that `write` makes.
        """
        words, counts = [], []
        for number, line in enumerate(line_files.read_lines(path, WorkspaceError, mend), start=1):
            word, tab, count = line.partition("\t")
            if not tab or not _COUNT.fullmatch(count):
                raise WorkspaceError(f"{path}, line {number}: not 'word <tab> count'; {mend}")
            words.append(word)
            counts.append(int(count))
        if tuple(words[: len(SPECIAL)]) != SPECIAL or len(set(words)) != len(words):
            raise WorkspaceError(f"{path} must open with {' '.join(SPECIAL)} and hold each word once; {mend}")
        return cls(tuple(words), tuple(counts))
