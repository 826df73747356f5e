"""Files of word vectors (word2vec, GloVe, .npz), of which only the words that are asked for are kept."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Container, Iterable, Iterator

import numpy as np

from cmr.errors import WorkspaceError
from cmr.workspace import atomic_files
from cmr.workspace.numpy_files import UNREADABLE

_KINDS = "give word2vec's text or binary (.bin), GloVe's text, or a .npz with the entries words and vectors"
# A word of a binary file; longer ones are damage.
_LONGEST_WORD = 2000


@dataclasses.dataclass(frozen=True)
class StoredWordVectors:
    """Word vectors as a file keeps them.

    Attributes:
      words: each once.
      vectors: `[len(words), dim]` float32.
      dataset: whose training sentences they learnt from; "" where nobody knows.
      image_ids: the images of those sentences, likewise.
    """

    words: tuple[str, ...]
    vectors: np.ndarray
    dataset: str = ""
    image_ids: tuple[str, ...] = ()


def write(path: pathlib.Path, stored: StoredWordVectors) -> None:
    """Writes a .npz with the attributes as entries."""
    with atomic_files.atomic_path(path) as temporary:
        np.savez(
            temporary,
            words=np.array(stored.words),
            vectors=stored.vectors.astype(np.float32),
            dataset=stored.dataset,
            image_ids=np.array(stored.image_ids, np.str_),
        )


def read(path: pathlib.Path, wanted: Container[str]) -> StoredWordVectors:
    """Reads the vectors of some words.

    Args:
      path: of a file whose kind its ending says: `.npz`, `.bin` (word2vec's binary); any other is text.
      wanted: the words to keep.

    Raises:
      WorkspaceError: the file is missing, of another kind or damaged.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path) as entries:
                words, vectors = entries["words"].tolist(), np.asarray(entries["vectors"], np.float32)
            if vectors.ndim != 2 or len(vectors) != len(words):
                raise ValueError(f"{len(words)} words beside vectors {list(vectors.shape)}")
            pairs = zip(words, vectors, strict=True)
        else:
            pairs = _binary_pairs(path) if path.suffix == ".bin" else _text_pairs(path)
        # Of a word that stands twice the first one, which is the more frequent.
        kept: dict[str, np.ndarray] = {}
        for word, vector in pairs:
            if word in wanted:
                kept.setdefault(word, vector)
    except UNREADABLE as error:
        raise WorkspaceError(f"{path} holds no word vectors that can be read ({error}); {_KINDS}") from error
    vectors = np.array(list(kept.values()), np.float32) if kept else np.zeros((0, 0), np.float32)
    if not np.isfinite(vectors).all():
        raise WorkspaceError(f"{path} holds NaN or infinite word vectors; {_KINDS}")
    return StoredWordVectors(tuple(kept), vectors)


def read_image_ids(path: pathlib.Path) -> tuple[str, ...]:
    """The images whose sentences a file's vectors learnt from; none where nobody knows, as of published ones."""
    if path.suffix == ".npz":
        # A damaged one is refused when its vectors are read.
        with contextlib.suppress(*UNREADABLE), np.load(path) as entries:
            return tuple(entries["image_ids"].tolist())
    return ()


def _text_pairs(path: pathlib.Path) -> Iterator[tuple[str, np.ndarray]]:
    """`word number number ...` a line, behind word2vec's first line `words dim` or, as in GloVe's, without one."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        first = next(lines, "").rstrip().split(" ")
        is_header = len(first) == 2 and all(part.isdecimal() for part in first)
        dim = int(first[1]) if is_header else len(first) - 1
        if dim < 1:
            raise ValueError("line 1 has no number")
        if not is_header:
            yield _pair(first, dim, 1)
        for number, line in enumerate(lines, start=2):
            # GloVe's largest files have words with spaces in them.
            yield _pair(line.rstrip().split(" "), dim, number)


def _pair(parts: list[str], dim: int, number: int) -> tuple[str, np.ndarray]:
    if len(parts) <= dim:
        raise ValueError(f"line {number} has {len(parts) - 1} numbers, not {dim}")
    return " ".join(parts[:-dim]), np.array(parts[-dim:], np.float32)


def _binary_pairs(path: pathlib.Path) -> Iterable[tuple[str, np.ndarray]]:
    """word2vec's binary: a line `words dim`, then of each word its UTF-8, a space, and its numbers as float32."""
    with open(path, "rb") as file:
        count, dim = map(int, file.readline(_LONGEST_WORD).split())
        for _ in range(count):
            word = bytearray()
            while (byte := file.read(1)) != b" ":
                if not byte or len(word) > _LONGEST_WORD:
                    raise ValueError("it ends early")
                # Some writers end a vector by a line feed.
                if byte != b"\n":
                    word += byte
            numbers = file.read(4 * dim)
            if len(numbers) < 4 * dim:
                raise ValueError("it ends early")
            yield word.decode("utf-8", errors="replace"), np.frombuffer(numbers, "<f4")
