"""Finds the pictures below a folder."""

import functools
import os
import pathlib
import stat
from collections.abc import Callable, Iterator

from PIL import Image

from cmr.pictures import files  # noqa: F401, registers HEIC where it can be read
from cmr.workspace.shards import Shard

# Pillow knows these by name and hands them to programs that are not there, or that must not see a stranger's file.
_NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}

# Where the reader of these is not installed they are no less pictures, and it is said of each what reads it.
_OF_PHONES = frozenset((".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs"))


@functools.cache
def suffixes() -> frozenset[str]:
    """Endings of pictures' files, with the dot, in lower case; phones' own too, be they read here or not."""
    Image.init()
    return _OF_PHONES.union(
        suffix.lower()
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in _NOT_DECODED
    )


def is_picture_name(name: str) -> bool:
    """Whether a file is a picture by its name."""
    return pathlib.PurePath(name).suffix.lower() in suffixes()


def walk(
    folder: pathlib.Path, on_unreadable: Callable[[str], None], shard: Shard | None = None
) -> Iterator[tuple[bytes, os.stat_result]]:
    """Finds pictures, in the order of their paths.

    Args:
      folder: to look in. Hidden files and folders are passed over, links to folders not followed.
      on_unreadable: is told of each folder that can't be listed.
      shard: the part of the pictures that is wanted, by their paths below the folder; None for all.

    Yields:
      A picture's path below the folder as bytes, and its size and times.
    """

    def failed(error: OSError) -> None:
        on_unreadable(f"{error.filename} can't be listed ({error.strerror})")

    for root, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or not is_picture_name(name):
                continue
            path = pathlib.Path(root, name)
            below = os.fsencode(os.path.relpath(path, folder))
            # Before the file system is asked about it: others ask about the rest.
            if shard is not None and not shard.holds(below):
                continue
            try:
                status = path.stat()
            except OSError:
                # It went away meanwhile, or is a link to nothing.
                continue
            # Nobody may ever write into a pipe of a picture's name.
            if stat.S_ISREG(status.st_mode):
                yield below, status
