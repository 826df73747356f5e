"""Galleries whose rows are given and not computed."""

import hashlib
import pathlib
from collections.abc import Collection

import numpy as np

from cmr.gallery.place import Description, Place
from cmr.gallery.searching import Gallery
from cmr.gallery.store import GONE, INDEXED, Known, Rows, Store


def write(folder: pathlib.Path, rows: np.ndarray, gone: Collection[int] = ()) -> Gallery:
    """Writes a gallery and opens it.

    Args:
      folder: of the pictures `0.png`, `1.png`, ..., of which those that are not there are made, as empty files.
      rows: `[num_pictures, dim]`, their vectors.
      gone: pictures that the index knows and that are gone.
    """
    place = Place.of(folder)
    store = Store.create(place.folder / "index-1", Rows("model", rows.shape[1], "float16"))
    for number in range(len(rows)):
        (folder / f"{number}.png").touch()
    contents = [_content(folder / f"{number}.png", number) for number in range(len(rows))]
    known = [
        (f"{number}.png".encode(), Known(1, 1, content, GONE if number in gone else INDEXED))
        for number, content in enumerate(contents)
    ]
    store.commit(known, contents, rows)
    store.close()
    place.write(Description("index-1", "model.cmr", "model", ""))
    return Gallery.open(folder)


def _content(path: pathlib.Path, number: int) -> bytes:
    """SHA-256 of a file; of an empty one another for each number."""
    content = path.read_bytes()
    return hashlib.sha256(content).digest() if content else number.to_bytes(32, "big")
