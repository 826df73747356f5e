"""word_counts.txt, the vocabulary of im2txt: `word count` lines, the line number (from 0) being the id."""

import ast
import dataclasses
import pathlib

from cmr.errors import DataError
from cmr.workspace.vocabulary import SPECIAL, Vocabulary
from data_prep.datasets import text_files

_START, _END, _UNKNOWN = "<S>", "</S>", "<UNK>"


@dataclasses.dataclass(frozen=True)
class Im2txtWords:
    """im2txt's words, and which of its ids are those of a vocabulary of ours.

    Attributes:
      vocabulary: ours: `<pad>`, `<unk>`, `<end>`, then im2txt's words in its order.
      start_id: im2txt's id of its start word, which is no word of ours.
      ids: im2txt's id of each id of ours; for `<pad>`, which has none, the start word's: neither is ever predicted.
    """

    vocabulary: Vocabulary
    start_id: int
    ids: tuple[int, ...]


def read_word_counts(path: pathlib.Path) -> Im2txtWords:
    """Reads word_counts.txt.

    The unknown word has no line: its id is the one behind the last (im2txt's `Vocabulary`).

    Raises:
      DataError: the file is missing or not of that form.
    """
    words, counts = [], []
    for number, line in enumerate(text_files.read_lines(path), start=1):
        word, _, count = line.rpartition(" ")
        if not word or not count.isdecimal():
            raise DataError(f"{path}, line {number} is not 'word count': {line[:60]!r}; give word_counts.txt")
        words.append(word)
        counts.append(int(count))
    if f"b'{_START}'" in words:
        # Under Python 3, im2txt's data script writes its words as bytes: b'dog'.
        words = [_decoded(path, number, word) for number, word in enumerate(words, start=1)]
    missing = [word for word in (_START, _END) if word not in words]
    if missing:
        raise DataError(f"{path} has no line of {missing[0]}; give the word_counts.txt of the checkpoint")
    if len({*words, *SPECIAL}) != len(words) + len(SPECIAL):
        raise DataError(f"{path} has a word twice, or one of {' '.join(SPECIAL)}; fetch it again")
    start, end = words.index(_START), words.index(_END)
    unknown = words.index(_UNKNOWN) if _UNKNOWN in words else len(words)
    kept = [number for number in range(len(words)) if number not in (start, end, unknown)]
    unknown_count = counts[unknown] if unknown < len(words) else 0
    ours = Vocabulary(
        (*SPECIAL, *(words[number] for number in kept)),
        (0, unknown_count, counts[end], *(counts[number] for number in kept)),
    )
    return Im2txtWords(ours, start, (start, unknown, end, *kept))


def _decoded(path: pathlib.Path, number: int, word: str) -> str:
    """The word of a line that writes it as bytes."""
    try:
        return ast.literal_eval(word).decode("utf-8")
    except (ValueError, SyntaxError, AttributeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}, line {number} is no word as bytes, as others are: {word[:60]!r}; fetch the file again"
        ) from error
