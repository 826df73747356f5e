"""Several indexes read as one: the shards of a gallery that are not merged."""

import collections
import contextlib
import functools
from collections.abc import Mapping

import numpy as np

from cmr.errors import WorkspaceError
from cmr.gallery.place import Description, Place
from cmr.gallery.sharded_rows import ShardedRows
from cmr.gallery.store import Store, open_in_use
from cmr.workspace import shards
from cmr.workspace.shards import Shard


class ShardedStore:
    """The reading side of `Store` over shards, whose rows are numbered as `ShardedRows` says.

    It stays as it was opened, whatever is indexed meanwhile. Files of one content in several shards share the row of
    the one with the least path, as they would in one index.

    Args:
      stores: of the shards that are there.
      count: of all shards.

    Attributes:
      stores: see above.
      rows: what a row is, in all of them.
    """

    def __init__(self, stores: Mapping[Shard, Store], count: int):
        self.stores = stores
        self._of_place = {shard.index - 1: store for shard, store in stores.items()}
        self._count = count
        self.rows = next(iter(stores.values())).rows
        none = np.zeros((0, self.rows.width), np.float16)
        parts = [self._of_place[place].embeddings() if place in self._of_place else none for place in range(count)]
        self._rows = ShardedRows(parts, self.rows.width)

    def close(self) -> None:
        for store in self.stores.values():
            store.close()

    def has_changed(self) -> bool:
        """Whether a shard's writer has committed since it was opened."""
        return any(store.has_changed() for store in self.stores.values())

    def embeddings(self) -> ShardedRows:
        """All embeddings that were committed when it was opened."""
        return self._rows

    def hidden_rows(self) -> np.ndarray:
        """Rows that are none, whose content no file has any more, and of copies: `[any]` int64."""
        hidden = [self._rows.no_rows(), np.array(sorted(self._first_of_copy), np.int64)]
        for place, store in self._of_place.items():
            positions = store.hidden_rows()
            hidden.append(positions[positions < len(self._rows.parts[place])] * self._count + place)
        return np.unique(np.concatenate(hidden))

    def count(self, state: str) -> int:
        """Files in a state."""
        return sum(store.count(state) for store in self.stores.values())

    def paths_of_row(self, row: int) -> list[bytes]:
        """The files whose content has this row, in whichever shard, sorted."""
        return sorted(path for each in (row, *self._copies.get(row, ())) for path in self._paths(each))

    def first_path(self, row: int) -> bytes:
        """The least path of a row; empty where its files have gone since it was opened."""
        return next(iter(self.paths_of_row(row)), b"")

    def content_of_row(self, row: int) -> bytes:
        """SHA-256 of the content that a row embeds."""
        position, place = divmod(row, self._count)
        return self._of_place[place].content_of_row(position)

    def row_of_content(self, sha256: bytes) -> int | None:
        """The row of a content; None where no file has it."""
        for place, store in self._of_place.items():
            position = store.row_of_content(sha256)
            if position is not None and position < len(self._rows.parts[place]):
                row = position * self._count + place
                return self._first_of_copy.get(row, row)
        return None

    def _paths(self, row: int) -> list[bytes]:
        position, place = divmod(row, self._count)
        return self._of_place[place].paths_of_row(position) if position < len(self._rows.parts[place]) else []

    @functools.cached_property
    def _copies(self) -> dict[int, list[int]]:
        """Row -> rows of the same content in other shards, whose files have greater paths.

        About a microsecond and 50 bytes a picture, once.
        """
        ends, rows = [], []
        for place, store in self._of_place.items():
            ends_of_part, positions = store.shown_contents()
            is_open = positions < len(self._rows.parts[place])
            ends.append(ends_of_part[is_open])
            rows.append(positions[is_open] * self._count + place)
        ends, rows = np.concatenate(ends), np.concatenate(rows)
        order = np.argsort(ends, kind="stable")
        ends, rows = ends[order], rows[order]
        is_equal = ends[1:] == ends[:-1]
        alike = np.flatnonzero(np.concatenate([is_equal, [False]]) | np.concatenate([[False], is_equal]))
        # Few, as a rule; of those the whole sums are compared.
        by_content = collections.defaultdict(list)
        for row in rows[alike].tolist():
            by_content[self.content_of_row(row)].append(row)
        copies = {}
        for same in by_content.values():
            # A file that went away at this moment leaves no path.
            first, *others = sorted(same, key=lambda row: self._paths(row)[:1] or [b"\xff"])
            if others:
                copies[first] = others
        return copies

    @functools.cached_property
    def _first_of_copy(self) -> dict[int, int]:
        return {other: first for first, others in self._copies.items() for other in others}


def open_shards(place: Place) -> tuple[Description, ShardedStore]:
    """Opens the shards of a gallery that has no index of the whole.

    Args:
      place: of the gallery.

    Returns:
      What is said of the whole, and the shards that are there; `lacking` names the others.

    Raises:
      WorkspaceError: there are shards of several counts, none that can be searched, or of different models; or one is
        damaged.
    """
    count = shards.count_of(place.folder)
    places = [each for each in map(place.of_shard, shards.all_of(count)) if each.gallery_json.exists()]
    if not places:
        shards.require_ready(place.folder, dict.fromkeys(shards.all_of(count), "missing"), place.command)
    with contextlib.ExitStack() as opened:
        descriptions, stores = {}, {}
        for each in places:
            description, store = open_in_use(each)
            opened.callback(store.close)
            descriptions[each.shard], stores[each.shard] = description, store
        require_one_model(place, descriptions, stores)
        sharded = ShardedStore(stores, count)
        opened.pop_all()
    first = next(iter(descriptions.values()))
    return Description("", first.model, first.model_checksum, first.pictures), sharded


def require_one_model(place: Place, descriptions: Mapping[Shard, Description], stores: Mapping[Shard, Store]) -> None:
    """Refuses shards of different models, or whose vectors are kept differently.

    Args:
      place: of the whole.
      descriptions: gallery.json of each shard.
      stores: their indexes.

    Raises:
      WorkspaceError: naming those that are not as most are, and the line that indexes them anew.
    """
    usual = collections.Counter(store.rows for store in stores.values()).most_common(1)[0][0]
    others = [shard for shard, store in stores.items() if store.rows != usual]
    if not others:
        return
    indexes = ", ".join(str(shard.index) for shard in others)
    of_others, rows = descriptions[others[0]], stores[others[0]].rows
    of_usual = next(descriptions[shard] for shard, store in stores.items() if store.rows == usual)
    if (rows.model_checksum, rows.width) != (usual.model_checksum, usual.width):
        anew = shards.making(others, [*place.command, f"--model={of_usual.model}", "--rebuild"])
        raise WorkspaceError(
            f"of the shards of {place.folder} {indexes} of {others[0].count} were indexed with another model "
            f"({of_others.model}) than the rest ({of_usual.model}); index them anew: {anew}"
        )
    raise WorkspaceError(
        f"of the shards of {place.folder} {indexes} of {others[0].count} keep vectors as {rows.dtype} and the rest as "
        f"{usual.dtype}; remove {others[0].folder(place.folder)} and index it with --rows_dtype={usual.dtype}"
    )


def lacking(place: Place, count: int) -> dict[Shard, str]:
    """The shards of a gallery, of so many, that are missing or unfinished -> which of both."""
    unready = {}
    for shard in shards.all_of(count):
        each = place.of_shard(shard)
        if not each.is_whole:
            unready[shard] = "unfinished" if each.gallery_json.exists() else "missing"
    return unready
