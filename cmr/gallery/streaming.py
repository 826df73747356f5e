"""Reads picture files ahead of the CNN, embeds them in batches, and names those that can't be read."""

import collections
import concurrent.futures
import dataclasses
import errno
import itertools
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cmr.errors import DataError
from cmr.trained.retriever import PICTURES_AT_ONCE, Retriever
from cmr.workspace.checksums import files_sha256

# Batches that wait, read, for the CNN.
_BATCHES_AHEAD = 2

# Known contents need no model, so many go at once.
_OTHERS_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class Read:
    """A picture file, read.

    Attributes:
      place: of its path among those asked for.
      sha256: of its content; b"" where the file can't be read now, and is to be read again the next time.
      squares: as `Retriever.squares` reads them; None for a content that is known, or no picture.
      reason: why it can't be read, or "".
    """

    place: int
    sha256: bytes
    squares: dict[str, np.ndarray] | None = None
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Batch:
    """Pictures that went through the model at once, and others that needed not.

    Attributes:
      embedded: the pictures that have an embedding.
      embeddings: `[len(embedded), width]` float32, rows as of `Retriever.gallery_rows`.
      others: known contents and unreadable files that were met between them.
    """

    embedded: Sequence[Read]
    embeddings: np.ndarray
    others: Sequence[Read]


def stream(retriever: Retriever, paths: Sequence[pathlib.Path], is_known: Callable[[bytes], bool]) -> Iterator[Batch]:
    """Embeds picture files.

    Args:
      retriever: the model.
      paths: the files.
      is_known: whether a content of this SHA-256 needs no embedding.

    Yields:
      Every file once, in their order but for those in `others`.
    """
    retriever.load_cnns()
    ahead = (_BATCHES_AHEAD + 1) * PICTURES_AT_ONCE
    embedded, others = [], []
    # A copy may have been read before its first was embedded.
    met: set[bytes] = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        places = iter(enumerate(paths))
        waiting = collections.deque(
            pool.submit(_read, retriever, place, path, is_known) for place, path in itertools.islice(places, ahead)
        )
        try:
            while waiting:
                read = waiting.popleft().result()
                waiting.extend(
                    pool.submit(_read, retriever, place, path, is_known) for place, path in itertools.islice(places, 1)
                )
                if read.squares is None or read.sha256 in met:
                    others.append(dataclasses.replace(read, squares=None))
                else:
                    embedded.append(read)
                    met.add(read.sha256)
                if len(embedded) == PICTURES_AT_ONCE or len(others) == _OTHERS_AT_ONCE or not waiting:
                    yield Batch(embedded, _embed(retriever, embedded), others)
                    embedded, others = [], []
        finally:
            pool.shutdown(cancel_futures=True)


def _embed(retriever: Retriever, pictures: Sequence[Read]) -> np.ndarray:
    # A batch of known contents needs no model at all.
    if not pictures:
        return retriever.gallery_rows(np.zeros((0, retriever.dim), np.float32))
    return retriever.gallery_rows(retriever.embed_squares([picture.squares for picture in pictures]))


def content_sha256(path: pathlib.Path) -> bytes:
    """SHA-256 of a file's content."""
    return bytes.fromhex(files_sha256([path]))


def _read(retriever: Retriever, place: int, path: pathlib.Path, is_known: Callable[[bytes], bool]) -> Read:
    try:
        content = content_sha256(path)
    except OSError as error:
        return Read(place, b"", reason=f"{path} can't be opened ({error.strerror})")
    if is_known(content):
        return Read(place, content)
    try:
        return Read(place, content, retriever.squares(path))
    # A plug-in's decoder may raise anything, and one file must not stop the rest.
    except Exception as error:
        reason = str(error) if isinstance(error, DataError) else f"{path} can't be decoded ({error})"
        return Read(place, b"" if _is_passing(error) else content, reason=reason)


def _is_passing(error: BaseException) -> bool:
    """Whether the disk or the memory failed, and not the decoder: the same content may be read the next time."""
    if isinstance(error, MemoryError):
        return True
    # Decoders' own have no number; one that a damaged file sends to a place before its beginning has EINVAL.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return True
    # What is said of a picture is raised from what has happened.
    return error.__cause__ is not None and _is_passing(error.__cause__)
