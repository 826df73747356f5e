"""The gallery's pictures as visitors name them: by their rows, which may be any number."""

import os
import pathlib
from collections.abc import Callable

import numpy as np
from starlette.exceptions import HTTPException

from cmr.errors import DataError
from cmr.gallery.searching import Gallery
from cmr.pictures import files

# What a picture is shown as that can't be read any more.
_UNKNOWN_SIZE = (4, 3)


def check_row(gallery: Gallery, row: int) -> None:
    """Refuses what is no picture of the gallery.

    Raises:
      HTTPException: 404.
    """
    if not (0 <= row < len(gallery.embeddings) and gallery.store.paths_of_row(row)):
        raise HTTPException(404, f"the gallery has no picture {row}")


def embedding(gallery: Gallery, row: int) -> np.ndarray:
    """A picture's embedding, `[dim]` float32, norm 1.

    Raises:
      HTTPException: there is no such picture.
    """
    check_row(gallery, row)
    (vector,) = gallery.vectors([row])
    return vector / np.linalg.norm(vector)


def file_of(gallery: Gallery, row: int) -> pathlib.Path:
    """The picture's file.

    Raises:
      HTTPException: it is not there.
    """
    check_row(gallery, row)
    for path in gallery.files_of_row(row):
        if path.is_file():
            return path
    raise HTTPException(404, f"the file of picture {row} has been removed")


def name_below(gallery: Gallery) -> Callable[[pathlib.Path], str]:
    """How files are named: below the gallery's folder, and what is no text in them replaced."""
    return lambda path: _as_text(path.relative_to(gallery.place.pictures))


def folder_name(gallery: Gallery) -> str:
    """The name of the folder of pictures."""
    return _as_text(pathlib.Path(gallery.place.pictures.name)) or "Pictures"


def _as_text(path: pathlib.Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def size(gallery: Gallery, row: int) -> tuple[int, int]:
    """Width and height of a picture as it is shown; of one that can't be read the usual aspect."""
    for path in gallery.files_of_row(row):
        try:
            header = files.read_header(path)
        except DataError:
            continue
        return header.width, header.height
    return _UNKNOWN_SIZE
