"""Brings an index up to date with its folder: only what is new or changed is computed."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence, Set

import numpy as np

from cmr import progress, shell
from cmr.errors import ConfigError
from cmr.gallery import compacting, streaming, thumbnails, walking
from cmr.gallery.place import Place
from cmr.gallery.store import ANN_JSON, GONE, INDEXED, UNREADABLE, Known, Rows, Store
from cmr.gallery.streaming import Batch
from cmr.pictures import files
from cmr.trained.retriever import Retriever
from cmr.workspace.shards import SHARDS, Shard

# A kill loses at most this much work, and a batch.
_SECONDS_BETWEEN_COMMITS = 5.0

# A larger commit of files that are gone or back would keep searches waiting: SQLite lets none read while it spills.
_FILES_A_COMMIT = 2000


@dataclasses.dataclass
class Changes:
    """How a folder differs from its index.

    Attributes:
      to_read: path below the folder -> size and time of change, of files that are new, changed, or could not be
        read for what may have passed.
      gone: paths that the index has and the folder has not.
      returned: paths that were gone and are back as they were.
      unseen: paths of what could not be looked at, folders and pictures; what the index has of them is left alone.
      unchanged: number of the others.
      unreadable: number of those among them that are known to be unreadable.
    """

    to_read: dict[bytes, tuple[int, int]] = dataclasses.field(default_factory=dict)
    gone: list[bytes] = dataclasses.field(default_factory=list)
    returned: list[bytes] = dataclasses.field(default_factory=list)
    unseen: set[bytes] = dataclasses.field(default_factory=set)
    unchanged: int = 0
    unreadable: int = 0


@dataclasses.dataclass
class Update:
    """What an update did.

    Attributes:
      computed: pictures that went through the model.
      recognised: files whose content was known: renamed, moved, copied, back, or touched alone.
      gone: files that are no longer there.
      unreadable: files that could not be read, met for the first time.
      still_unreadable: those that are known from before.
      unchanged: files that were left alone.
      seconds: that the reading and computing took.
      dead: `[any]` int64, rows that `reclaim` may take: those that no file had before, nor has now. What this update
        alone misses may be on a disk that is away, whose empty folder is all that is listed; none where anything could
        not be looked at.
    """

    computed: int = 0
    recognised: int = 0
    gone: int = 0
    unreadable: int = 0
    still_unreadable: int = 0
    unchanged: int = 0
    seconds: float = 0.0
    dead: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def is_nothing(self) -> bool:
        """Whether the index was up to date."""
        return not (self.computed or self.recognised or self.gone or self.unreadable)


def find_changes(
    index: Store,
    pictures: pathlib.Path,
    max_pixels: int,
    on_remark: Callable[[str], None],
    shard: Shard | None = None,
) -> Changes:
    """Compares a folder with its index by sizes and times; no file is opened.

    Args:
      index: what is known.
      pictures: the folder.
      max_pixels: of a picture; one that was refused under another limit is to be read again.
      on_remark: is told of folders that can't be listed and files that can't be looked at.
      shard: the part of the folder that the index is of; None for all.

    Raises:
      WorkspaceError: the folder can't be listed.
    """
    return _compare(index.known(), pictures, max_pixels, on_remark, shard)


def everything(pictures: pathlib.Path, on_remark: Callable[[str], None], shard: Shard | None = None) -> Changes:
    """The same of a folder that has no index: all of it, or of the shard, is to be read.

    Raises:
      WorkspaceError: the folder can't be listed.
    """
    return _compare({}, pictures, 0, on_remark, shard)


def _compare(
    known: dict[bytes, Known],
    pictures: pathlib.Path,
    max_pixels: int,
    on_remark: Callable[[str], None],
    shard: Shard | None,
) -> Changes:
    changes = Changes()

    def leave_alone(path: bytes, remark: str) -> None:
        changes.unseen.add(path)
        on_remark(remark)

    for path, status in walking.walk(pictures, leave_alone, shard):
        before, stamp = known.pop(path, None), (status.st_size, status.st_mtime_ns)
        is_as_it_was = before is not None and (before.size, before.mtime_ns) == stamp and before.sha256
        is_as_it_was = is_as_it_was and not files.may_be_read_now(before.reason, max_pixels)
        if not is_as_it_was or (before.state == GONE and before.reason):
            changes.to_read[path] = stamp
        elif before.state == GONE:
            changes.returned.append(path)
        else:
            changes.unchanged += 1
            changes.unreadable += before.state == UNREADABLE
    for path, before in sorted(known.items()):
        if before.state == GONE:
            continue
        if _is_unseen(path, changes.unseen):
            changes.unchanged += 1
            changes.unreadable += before.state == UNREADABLE
        else:
            changes.gone.append(path)
    return changes


def _is_unseen(path: bytes, unseen: Set[bytes]) -> bool:
    """Whether a path or a folder above it could not be looked at."""
    names = path.split(b"/")
    return bool(unseen) and any(b"/".join(names[: count + 1]) in unseen for count in range(len(names)))


def count_recognised(index: Store, pictures: pathlib.Path, changes: Changes) -> int:
    """How many of the files to be read have a content that is known; reads them, but only where anything is known."""
    contents = index.rows_of_contents()
    if not contents:
        return 0
    count = 0
    with progress.progress_bar(len(changes.to_read), "file", "compared") as bar:
        for path in changes.to_read:
            with contextlib.suppress(OSError):
                count += streaming.content_sha256(pictures / os.fsdecode(path)) in contents
            bar.update()
    return count


# From paths and the contents that are known already to what became of each, in the order of the paths but for `others`.
Stream = Callable[[Sequence[pathlib.Path], Set[bytes]], Iterator[Batch]]


def update(
    index: Store,
    pictures: pathlib.Path,
    retriever: Retriever,
    on_remark: Callable[[str], None],
    shard: Shard | None = None,
    stream: Stream | None = None,
) -> Update:
    """Reads and embeds what is new or changed, and commits as it goes.

    Args:
      index: open for writing.
      pictures: the folder.
      retriever: the model that made the index.
      on_remark: is told of each file that can't be read, once and with the reason.
      shard: the part of the folder that the index is of; None for all.
      stream: reads and embeds; None: `streaming.stream` in this process.

    Raises:
      WorkspaceError: the folder can't be listed; the index is as it was.
    """
    hidden = index.hidden_rows()
    changes = find_changes(index, pictures, retriever.max_pixels, on_remark, shard)
    known = index.known()
    moved = [(path, dataclasses.replace(known[path], state=GONE)) for path in changes.gone]
    moved += [(path, dataclasses.replace(known[path], state=INDEXED)) for path in changes.returned]
    for start in range(0, len(moved), _FILES_A_COMMIT):
        index.commit(moved[start : start + _FILES_A_COMMIT])
    done = Update(
        recognised=len(changes.returned),
        gone=len(changes.gone),
        still_unreadable=changes.unreadable,
        unchanged=changes.unchanged - changes.unreadable,
    )
    if changes.to_read:
        if stream is None:
            stream = functools.partial(_in_this_process, retriever)
        _Pass(index, pictures, stream, on_remark, changes, known, done).run()
    if not changes.unseen:
        done.dead = still_hidden(index, hidden)
    return done


def still_hidden(index: Store, before: np.ndarray) -> np.ndarray:
    """Of rows that were hidden, `[any]` int64, those that are so now."""
    return np.intersect1d(before, index.hidden_rows())


def _in_this_process(retriever: Retriever, paths: Sequence[pathlib.Path], contents: Set[bytes]) -> Iterator[Batch]:
    return streaming.stream(retriever, paths, contents.__contains__)


class _Pass:
    """One pass over the files that are to be read."""

    def __init__(
        self,
        index: Store,
        pictures: pathlib.Path,
        stream: Stream,
        on_remark: Callable[[str], None],
        changes: Changes,
        known: dict[bytes, Known],
        done: Update,
    ):
        self._index, self._pictures, self._stream, self._on_remark = index, pictures, stream, on_remark
        self._stamps, self._known, self._done = changes.to_read, known, done
        self._contents = set(index.rows_of_contents())
        sizes = {each.size for each in known.values() if each.sha256 in self._contents}
        # First those that may have been renamed, which are known again in a moment.
        self._paths = sorted(changes.to_read, key=lambda path: (changes.to_read[path][0] not in sizes, path))
        self._files: list[tuple[bytes, Known]] = []
        self._new: list[bytes] = []
        self._embeddings = []

    def run(self) -> None:
        started = committed = time.monotonic()
        files = [self._pictures / os.fsdecode(path) for path in self._paths]
        batches = self._stream(files, self._contents)
        with progress.progress_bar(len(files), "picture", "index") as bar:
            try:
                for batch in batches:
                    self._take(batch)
                    bar.update(len(batch.embedded) + len(batch.others))
                    if time.monotonic() - committed > _SECONDS_BETWEEN_COMMITS:
                        self._commit()
                        committed = time.monotonic()
            finally:
                self._commit()
        self._done.seconds = time.monotonic() - started

    def _take(self, batch: Batch) -> None:
        self._done.computed += len(batch.embedded)
        for read, embedding in zip(batch.embedded, batch.embeddings, strict=True):
            self._contents.add(read.sha256)
            self._new.append(read.sha256)
            self._embeddings.append(embedding)
            self._add(read.place, read.sha256, INDEXED)
        for read in batch.others:
            if not read.reason:
                self._done.recognised += 1
                self._add(read.place, read.sha256, INDEXED)
                continue
            before = self._known.get(self._paths[read.place])
            if before and before.state == UNREADABLE and before.reason == read.reason:
                self._done.still_unreadable += 1
            else:
                self._done.unreadable += 1
                self._on_remark(read.reason)
            self._add(read.place, read.sha256, UNREADABLE, read.reason)

    def _add(self, place: int, sha256: bytes, state: str, reason: str = "") -> None:
        path = self._paths[place]
        self._files.append((path, Known(*self._stamps[path], sha256, state, reason)))

    def _commit(self) -> None:
        self._index.commit(self._files, self._new, self._embeddings)
        self._files, self._new, self._embeddings = [], [], []


def open_for_update(place: Place, retriever: Retriever, model: str, dtype: str, rebuild: bool) -> Store:
    """Opens the index to write, or begins one; `finish` makes it the one in use.

    Args:
      place: of the gallery, whose lock the caller holds.
      retriever: the model.
      model: its path, to be kept.
      dtype: of the vectors of a new index.
      rebuild: begin a new one beside that in use, or go on with it, where the model is another.

    Raises:
      ConfigError: the index is of another model.
      WorkspaceError: it is damaged, or gallery.json can't name the model or the pictures; nothing was written.
    """
    # What `finish` would refuse when all is done.
    place.described("", model, retriever.parts.checksum)
    rows = Rows(retriever.parts.checksum, retriever.dim, dtype, retriever.hub_correction is not None)
    if not place.gallery_json.exists():
        refuse_unmerged(place)
        place.remove_others("")
        place.mark_begun()
        fresh = Store.create(place.folder / "index-1", rows)
        # Whatever is written from here on can be searched at once.
        finish(place, fresh, model)
        return fresh
    return open_in_use(place, rows, model, rebuild)


def refuse_unmerged(place: Place) -> None:
    """Makes sure that shards are not indexed once more as a whole.

    Raises:
      ConfigError: there are shards, and no index of the whole.
    """
    if place.shard is None and not place.gallery_json.exists() and place.shards_begun():
        raise ConfigError(
            f"{place.folder} holds shards that are not joined yet; run: "
            f"{shell.python_command(*place.command, '--merge')} (then this command again, for what is new), or "
            f"remove {place.folder / SHARDS}"
        )


def open_in_use(place: Place, rows: Rows, model: str, rebuild: bool) -> Store:
    """As `open_for_update`, of a gallery that is there."""
    current = place.read()
    if current.model_checksum == rows.model_checksum:
        index = Store(place.folder / current.index, writable=True)
        if index.rows.width == rows.width:
            return index
        index.close()
    if not rebuild:
        raise other_model(place, model)
    newest = place.indexes()[-1]
    if newest.name != current.index and (newest / "index.json").exists():
        begun = Store(newest, writable=True)
        if begun.rows == rows:
            return begun
        begun.close()
    place.remove_others(current.index)
    return Store.create(place.folder / f"index-{int(current.index.removeprefix('index-')) + 1}", rows)


def other_model(place: Place, model: str) -> ConfigError:
    """The error of a gallery that was indexed with another model than the one given."""
    anew = shell.python_command(*place.command, f"--model={model}", "--rebuild")
    return ConfigError(
        f"{place.folder} was indexed with another model ({place.read().model}); to index anew: {anew} "
        "(the old index can be searched until the new one is whole)"
    )


def finish(place: Place, index: Store, model: str) -> None:
    """Makes an index the one in use, and removes the one that it follows."""
    description = place.described(index.folder.name, model, index.rows.model_checksum)
    before = place.read() if place.gallery_json.exists() else None
    if description != before:
        place.write(description)
    if before and before.index != description.index:
        place.remove_others(description.index)


def reclaim(
    place: Place, index: Store, model: str, dead: np.ndarray, keeps_approximate: bool = True
) -> tuple[Store, int]:
    """Gets rid of the rows of deleted and changed pictures, and their thumbnails, where they have become many.

    Args:
      place: of the gallery, whose lock the caller holds.
      index: the one in use, open for its writer.
      model: path of the model.
      dead: see `Update`.
      keeps_approximate: leave an index as it is that has an approximate one, which knows the rows by their numbers.

    Returns:
      The index in use then, and the number of rows that are gone.
    """
    compacting.remove_orphans(place, index)
    if not compacting.is_due(index, dead) or (keeps_approximate and (index.folder / ANN_JSON).exists()):
        return index, 0
    compacted = compacting.compact(place, index, dead)
    gone = index.num_rows() - compacted.num_rows()
    # Before the old index goes: after a kill in between the next run does both again.
    thumbnails.remove(place, index.rows_of_contents().keys() - compacted.rows_of_contents().keys())
    index.close()
    finish(place, compacted, model)
    return compacted, gone
