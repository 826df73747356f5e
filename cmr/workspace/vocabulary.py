"""vocabulary.txt: the words of the training sentences and their ids."""

import collections
import dataclasses
import functools
import hashlib
import os
import pathlib
import re
from collections.abc import Iterable

from cmr.errors import WorkspaceError
from cmr.workspace import atomic_files

PAD, UNK, END = "<pad>", "<unk>", "<end>"
PAD_ID, UNK_ID, END_ID = 0, 1, 2
SPECIAL = (PAD, UNK, END)

# A word is letters or digits, with an inner apostrophe ("man's"); punctuation is dropped, as in Karpathy's tokens.
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def tokenize(caption: str) -> list[str]:
    """Lower-case words of a sentence, punctuation dropped: "A dog's ball." -> ["a", "dog's", "ball"]."""
    return [word.replace("\u2019", "'") for word in _WORD.findall(caption.lower())]


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Words by id. The ids 0, 1, 2 are `<pad>`, `<unk>`, `<end>`; words follow by falling count, then by spelling.

    Attributes:
      words: every word, the special ones first; the position is the id.
      counts: occurrences in the training sentences; for `<unk>` those of the words left out, for `<end>` the
        number of sentences, for `<pad>` zero.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]

    @functools.cached_property
    def ids(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def from_captions(cls, captions: Iterable[str], min_word_count: int = 1) -> "Vocabulary":
        """Counts the words of the training sentences; those rarer than `min_word_count` become `<unk>`."""
        counter: collections.Counter[str] = collections.Counter()
        sentences = 0
        for caption in captions:
            counter.update(tokenize(caption))
            sentences += 1
        kept = sorted((w for w in counter if counter[w] >= min_word_count), key=lambda w: (-counter[w], w))
        unknown = sum(counter.values()) - sum(counter[word] for word in kept)
        return cls((*SPECIAL, *kept), (0, unknown, sentences, *(counter[word] for word in kept)))

    def encode(self, caption: str) -> list[int]:
        """Ids of the sentence's words, closed by `<end>` (Eq. 1's s_1 ... s_T; there is no start word)."""
        return [self.ids.get(word, UNK_ID) for word in tokenize(caption)] + [END_ID]

    def checksum(self) -> str:
        """SHA-256 of the words in order: two vocabularies with the same one give every word the same id."""
        return hashlib.sha256("\n".join(self.words).encode("utf-8")).hexdigest()

    def write(self, path: str | os.PathLike) -> None:
        """Writes `word <tab> count` lines, the line number (from 0) being the id."""
        lines = [f"{word}\t{count}\n" for word, count in zip(self.words, self.counts, strict=True)]
        atomic_files.write_text(path, "".join(lines))

    @classmethod
    def read(cls, path: str | os.PathLike) -> "Vocabulary":
        """Reads vocabulary.txt.

        Raises:
          WorkspaceError: the file is missing or not in the format that `write` makes.
        """
        path = pathlib.Path(path)
        if not path.exists():
            raise WorkspaceError(f"{path} is missing; run data_prep.prepare")
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise WorkspaceError(f"{path} can't be read ({error}); run data_prep.prepare again") from error
        words, counts = [], []
        for number, line in enumerate(lines, start=1):
            word, tab, count = line.partition("\t")
            if not tab or not count.isdecimal():
                raise WorkspaceError(f"{path}, line {number}: not 'word <tab> count'; run data_prep.prepare again")
            words.append(word)
            counts.append(int(count))
        if tuple(words[: len(SPECIAL)]) != SPECIAL or len(set(words)) != len(words):
            raise WorkspaceError(
                f"{path} must open with {' '.join(SPECIAL)} and hold each word once; run data_prep.prepare again"
            )
        return cls(tuple(words), tuple(counts))
