"""Writes files to a temporary name, then renames them: a killed run leaves no half file under a final name."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path beside `path` that replaces it when the block succeeds.

    Args:
      path: the final name; its folder is made when missing.

    Yields:
      A path in the same folder. On an exception it is removed and `path` stays as it was.
    """
    final = pathlib.Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(final)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """The same for a whole folder, which must not be there yet.

    Args:
      path: the final name; the folder above it is made when missing.

    Yields:
      A path in the same folder, where nothing is yet. On an exception what is there is removed.
    """
    final = pathlib.Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(final)
    try:
        yield temporary
        for written in temporary.rglob("*"):
            if written.is_file():
                _sync(written)
        temporary.rename(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path: str | os.PathLike) -> None:
    """Removes a folder that may be gone already; a kill leaves the whole of it, or nothing under its name."""
    folder = pathlib.Path(path)
    doomed = _temporary(folder)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _temporary(final: pathlib.Path) -> pathlib.Path:
    # The name keeps its ending: Keras, NumPy and Pillow choose the format by it.
    return final.with_name(f".{os.getpid()}.tmp.{final.name}")


def _sync(path: pathlib.Path) -> None:
    """Without it a power cut could leave an empty file under the final name."""
    with open(path, "rb+") as written:
        os.fsync(written.fileno())


# Half-written files of `atomic_path`, and of TensorFlow's checkpoints.
_LEFTOVERS = (".[0-9]*.tmp.*", "ckpt-*_temp", "checkpoint.tmp*")


def remove_leftovers(folder: pathlib.Path, parts: Sequence[str] = ()) -> None:
    """Removes what killed writers of a folder left half-written; for its only writer alone.

    Args:
      folder: whose files, and not those of the folders in it, are looked at.
      parts: folders in it to look at as well, by name or pattern.
    """
    for place in (folder, *(place for part in parts for place in folder.glob(part))):
        for pattern in _LEFTOVERS:
            for leftover in place.glob(pattern):
                if leftover.is_dir():
                    shutil.rmtree(leftover, ignore_errors=True)
                else:
                    leftover.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes `text` as UTF-8 to `path`, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
