"""Galleries whose rows are given and not computed."""

import pathlib
from collections.abc import Collection

import numpy as np

from cmr.gallery.place import Description, Place
from cmr.gallery.searching import Gallery
from cmr.gallery.store import GONE, INDEXED, Known, Rows, Store


def write(folder: pathlib.Path, rows: np.ndarray, gone: Collection[int] = ()) -> Gallery:
    """Writes a gallery and opens it.

    Args:
      folder: of the pictures, which are empty files `0.png`, `1.png`, ...
      rows: `[num_pictures, dim]`, their vectors.
      gone: pictures that the index knows and that are gone.
    """
    place = Place.of(folder)
    store = Store.create(place.folder / "index-1", Rows("model", rows.shape[1], "float16"))
    contents = [number.to_bytes(32, "big") for number in range(len(rows))]
    known = [
        (f"{number}.png".encode(), Known(1, 1, content, GONE if number in gone else INDEXED))
        for number, content in enumerate(contents)
    ]
    store.commit(known, contents, rows)
    store.close()
    place.write(Description("index-1", "model.cmr", "model", ""))
    for number in range(len(rows)):
        (folder / f"{number}.png").touch()
    return Gallery.open(folder)
