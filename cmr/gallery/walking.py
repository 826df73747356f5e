"""Finds the pictures below a folder."""

import errno
import functools
import os
import pathlib
import stat
from collections.abc import Callable, Iterator

from PIL import Image

from cmr.errors import WorkspaceError
from cmr.gallery.place import GALLERY_JSON, THUMBNAILS
from cmr.pictures import files  # noqa: F401, registers HEIC where it can be read
from cmr.workspace import shards
from cmr.workspace.shards import SHARDS, Shard

# Pillow knows these by name and hands them to programs that are not there, or that must not see a stranger's file.
_NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}

# Where the reader of these is not installed they are no less pictures, and it is said of each what reads it.
_OF_PHONES = frozenset((".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs"))

# What a system says of a file that is not there, or of a link to nothing; all else is said of one that may be.
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


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


def is_file(path: pathlib.Path) -> bool:
    """Whether a file is there and may be looked at."""
    try:
        return path.is_file()
    except OSError:
        return False


def walk(
    folder: pathlib.Path, on_unseen: Callable[[bytes, str], None], shard: Shard | None = None
) -> Iterator[tuple[bytes, os.stat_result]]:
    """Finds pictures, in the order of their paths.

    Args:
      folder: to look in. Hidden files and folders are passed over, and galleries' thumbnails; links to folders are not
        followed.
      on_unseen: is told of each folder in it that can't be listed and each picture that can't be looked at: the path
        below the folder as bytes, and a sentence. What it holds is not known then, and need not be gone.
      shard: the part of the pictures that is wanted, by their paths below the folder; None for all.

    Yields:
      A picture's path below the folder as bytes, and its size and times.

    Raises:
      WorkspaceError: the folder itself can't be listed.
    """

    def below(path: str | os.PathLike) -> bytes:
        return os.fsencode(os.path.relpath(path, folder))

    def failed(error: OSError) -> None:
        what = f"{error.filename} can't be listed ({error.strerror})"
        if pathlib.Path(error.filename) == folder:
            raise WorkspaceError(f"{what}; see to its disk or its rights, and run the same command again") from error
        on_unseen(below(error.filename), what)

    for root, folders, names in os.walk(folder, onerror=failed):
        holds_gallery = GALLERY_JSON in names or (SHARDS in folders and shards.begun(pathlib.Path(root)))
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not (holds_gallery and name == THUMBNAILS)
        )
        for name in sorted(names):
            if name.startswith(".") or not is_picture_name(name):
                continue
            path = pathlib.Path(root, name)
            path_below = below(path)
            # Before the file system is asked about it: others ask about the rest.
            if shard is not None and not shard.holds(path_below):
                continue
            try:
                status = path.stat()
            except OSError as error:
                # Of a folder that may be listed and not entered, say.
                if error.errno not in _NOT_THERE:
                    on_unseen(path_below, f"{path} can't be looked at ({error.strerror})")
                continue
            # Nobody may ever write into a pipe of a picture's name.
            if stat.S_ISREG(status.st_mode):
                yield path_below, status
