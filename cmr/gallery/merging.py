"""Joins the shards of a gallery to the index of the whole, by blocks, as one `cmr.index` would have made it.

An index that is there is brought up to date: what it has already is left. Every commit is of whole files, so a merge
that was stopped goes on, and searches see the index as it was, or as it is so far, and never half a file.
"""

import contextlib
import dataclasses
import heapq
import os
from collections.abc import Iterator, Mapping

import numpy as np

from cmr import progress, shell
from cmr.errors import ConfigError, WorkspaceError
from cmr.gallery import sharded_store, updating
from cmr.gallery.place import Place
from cmr.gallery.store import GONE, Known, Rows, Store, open_in_use
from cmr.workspace import shards
from cmr.workspace.shards import Shard

# 67 MB of float16 in 512 values, and what a kill loses.
_FILES_AT_ONCE = 65_536

# float16 keeps three digits.
_UNIT_WITHIN = 0.01


@dataclasses.dataclass
class Merged:
    """What a merge did.

    Attributes:
      shards: that were joined.
      files: of all shards, those that are gone left out.
      changed: of them those that the index had not, or otherwise.
      added: rows that it had not.
      model: path of the model of all.
      dead: rows of the index that may be reclaimed, see `updating.Update`.
    """

    shards: int
    model: str
    files: int = 0
    changed: int = 0
    added: int = 0
    dead: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))


def merge(place: Place, count: int, rebuild: bool = False, checksum: str | None = None) -> tuple[Store, Merged]:
    """Brings the index of the whole up to date with the shards, which stay as they are.

    Args:
      place: of the whole, whose lock the caller holds.
      count: of the shards.
      rebuild: take the place of an index of another model.
      checksum: of the model that the shards must be of; None takes whichever it is.

    Returns:
      The index, open for its writer and in use, and what was done.

    Raises:
      WorkspaceError: a shard is missing, has not gone through all its pictures, is damaged, of another model than the
        rest, or being written; the index is as it was.
      ConfigError: the index in use is of another model, and `rebuild` is not asked for; or the shards are of another.
    """
    with contextlib.ExitStack() as opened:
        for each in place.shards_begun():
            if each.shard.count == count:
                opened.enter_context(each.writing())
        shards.require_ready(place.folder, sharded_store.lacking(place, count), place.command)
        descriptions, stores = {}, {}
        for shard in shards.all_of(count):
            descriptions[shard], stores[shard] = open_in_use(place.of_shard(shard))
            opened.callback(stores[shard].close)
        sharded_store.require_one_model(place, descriptions, stores)
        rows = {shard: store.embeddings() for shard, store in stores.items()}
        first = next(iter(stores))
        if checksum is not None and checksum != stores[first].rows.model_checksum:
            raise ConfigError(
                f"the shards of {place.folder} were indexed with another model than --model names, "
                f"{descriptions[first].model}"
            )
        done = Merged(count, descriptions[first].model)
        index = _open(place, stores[first].rows, done.model, rebuild)
        try:
            hidden = index.hidden_rows()
            _Joining(place, index, stores, rows, done).run()
            done.dead = updating.still_hidden(index, hidden)
        except BaseException:
            index.close()
            raise
        updating.finish(place, index, done.model)
        return index, done


def _open(place: Place, rows: Rows, model: str, rebuild: bool) -> Store:
    """The index of the whole to be written; a first one is found by nobody before it is finished."""
    if place.gallery_json.exists():
        return updating.open_in_use(place, rows, model, rebuild)
    begun = place.folder / "index-1"
    with contextlib.suppress(WorkspaceError):
        if Rows.read(begun) == rows:
            return Store(begun, writable=True)
    place.remove_others("")
    return Store.create(begun, rows)


class _Joining:
    """One pass over the files of all shards, in the order of their paths."""

    def __init__(
        self,
        place: Place,
        index: Store,
        stores: Mapping[Shard, Store],
        rows: Mapping[Shard, np.ndarray],
        done: Merged,
    ):
        self._place, self._index, self._stores, self._rows, self._done = place, index, stores, rows, done
        self._files: list[tuple[bytes, Known]] = []
        # SHA-256 of a content -> where its embedding is.
        self._new: dict[bytes, tuple[Shard, int]] = {}

    def run(self) -> None:
        total = sum(store.count_files() for store in self._stores.values())
        with progress.progress_bar(total, "file", "merge") as bar:
            for path, known, shard, row in self._in_order():
                self._take(path, known, shard, row)
                bar.update()
                if len(self._files) == _FILES_AT_ONCE:
                    self._commit()
            self._commit()

    def _in_order(self) -> Iterator[tuple[bytes, Known, Shard, int | None]]:
        def of_shard(shard: Shard) -> Iterator[tuple[bytes, Known, Shard, int | None]]:
            return ((path, known, shard, row) for path, known, row in self._stores[shard].files())

        # A path is in one shard alone.
        return heapq.merge(*map(of_shard, self._stores), key=lambda file: file[0])

    def _take(self, path: bytes, known: Known, shard: Shard, row: int | None) -> None:
        self._done.files += known.state != GONE
        before = self._index.known_file(path)
        if known == before or (known.state == GONE and (before is None or before.state == GONE)):
            return
        if before is not None and self._is_as_now(path, before):
            # It was indexed later than the shard was.
            return
        self._done.changed += 1
        self._files.append((path, known))
        # Of a file that is gone too: when it is back, its content is taken for known.
        if row is not None and known.sha256 not in self._new and not self._index.holds_content(known.sha256):
            if row >= len(self._rows[shard]):
                raise WorkspaceError(_damaged(self._place.of_shard(shard)))
            self._new[known.sha256] = shard, row

    def _is_as_now(self, path: bytes, known: Known) -> bool:
        try:
            status = (self._place.pictures / os.fsdecode(path)).stat()
        except OSError:
            return known.state == GONE
        return known.state != GONE and (known.size, known.mtime_ns) == (status.st_size, status.st_mtime_ns)

    def _commit(self) -> None:
        rows_kept = self._index.rows
        embeddings = np.empty((len(self._new), rows_kept.width), rows_kept.dtype)
        of_shard: dict[Shard, list[tuple[int, int]]] = {}
        for place, (shard, row) in enumerate(self._new.values()):
            of_shard.setdefault(shard, []).append((place, row))
        for shard, pairs in of_shard.items():
            places, rows = np.array(pairs).T
            embeddings[places] = self._rows[shard][rows]
            lengths = np.linalg.norm(embeddings[places, : rows_kept.dim].astype(np.float32), axis=1)
            if not (np.abs(lengths - 1) < _UNIT_WITHIN).all() or not np.isfinite(embeddings[places]).all():
                raise WorkspaceError(_damaged(self._place.of_shard(shard)))
        self._index.commit(self._files, [*self._new], embeddings)
        self._done.added += len(self._new)
        self._files, self._new = [], {}


def _damaged(place: Place) -> str:
    return (
        f"{place.folder} is damaged: it holds rows that are no embeddings; remove it and run: "
        f"{shell.python_command(*place.command)}"
    )
