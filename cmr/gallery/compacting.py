"""Reclaims the rows of pictures that were deleted or changed: an index without them takes the place of the old one."""

import contextlib
import pathlib

import numpy as np

from cmr.errors import WorkspaceError
from cmr.gallery.place import Place
from cmr.gallery.store import GONE, Rows, Store
from cmr.workspace import atomic_files

# Less than this is not worth writing the rest again, and a folder that is away for a while is known when it is back.
_DEAD_SHARE = 1 / 3
_LEAST_DEAD = 1000

_ROWS_AT_ONCE = 65_536


def is_due(index: Store, dead: np.ndarray) -> bool:
    """Whether rows that belong to no file any more, `[any]` int64, are so many that they are to be reclaimed."""
    return len(dead) >= _LEAST_DEAD and len(dead) > _DEAD_SHARE * index.num_rows()


def compact(place: Place, index: Store, dead: np.ndarray) -> Store:
    """Writes an index without the rows that are dead; `updating.finish` makes it the one in use.

    The old index is left as it is, so searches go on in it, and a kill at any time leaves one that is whole in use.

    Args:
      place: of the gallery, whose lock the caller holds.
      index: the one in use.
      dead: `[any]` int64, rows that no file has.

    Returns:
      The new index, open for its writer.
    """
    number = 1 + max(int(path.name.removeprefix("index-")) for path in place.indexes())
    folder = place.folder / f"index-{number}"
    with (
        atomic_files.atomic_folder(folder) as unfinished,
        contextlib.closing(Store.create(unfinished, index.rows)) as new,
    ):
        _copy(index, new, dead)
    return Store(folder, writable=True)


def remove_orphans(place: Place, index: Store) -> None:
    """Removes what a killed `compact` left beside the index in use; one that is being built for another model stays."""
    for folder in place.indexes():
        if folder.name != index.folder.name and not _is_of_another_model(folder, index):
            atomic_files.remove_folder(folder)


def _is_of_another_model(folder: pathlib.Path, index: Store) -> bool:
    try:
        return Rows.read(folder) != index.rows
    except WorkspaceError:
        return False


def _copy(index: Store, new: Store, dead: np.ndarray) -> None:
    left_out, embeddings = set(dead.tolist()), index.embeddings()
    contents = sorted((row, content) for content, row in index.rows_of_contents().items() if row not in left_out)
    for start in range(0, len(contents), _ROWS_AT_ONCE):
        block = contents[start : start + _ROWS_AT_ONCE]
        new.commit([], [content for _, content in block], embeddings[[row for row, _ in block]])
    kept = {content for _, content in contents}
    # A file that is gone, and its content too, would be taken for known when it is back.
    new.commit([(path, each) for path, each in index.known().items() if each.state != GONE or each.sha256 in kept])
