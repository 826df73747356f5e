"""index-<n>/: what is known of a gallery's pictures, and their embeddings.

`gallery.sqlite` has two tables: `pictures`, a row a file, and `contents`, a row a different content; two files of one
content share an embedding, so a file that was renamed, moved or copied costs nothing. `embeddings.npy` holds the
embedding of content `row`; rows are added at its end and never change, so a search may go on while the next ones are
written. `index.json` says what the rows are.
"""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np

from cmr.errors import WorkspaceError
from cmr.gallery.place import Description, Place
from cmr.workspace import json_files, shards
from cmr.workspace.json_kinds import Flag, OneOf, Record, Text, Whole

_SCHEMA = """
CREATE TABLE IF NOT EXISTS contents (sha256 BLOB PRIMARY KEY, row INTEGER NOT NULL UNIQUE, is_shown INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, sha256 BLOB,
  state TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pictures_of_content ON pictures (sha256);
CREATE INDEX IF NOT EXISTS hidden_rows ON contents (row) WHERE NOT is_shown;
"""

INDEX_JSON, GALLERY_SQLITE, EMBEDDINGS_NPY = "index.json", "gallery.sqlite", "embeddings.npy"
# Of approximate.py, whose faiss need not be there.
ANN_FAISS, ANN_JSON = "ann.faiss", "ann.json"

# What can be said of a file.
INDEXED, UNREADABLE, GONE = "indexed", "unreadable", "gone"

# A .npy header of version 1 whose size does not depend on the number of rows.
_HEADER_BYTES = 128

_CONTENTS_AT_ONCE = 65_536

# A reader may meet a writer's commit, which takes a moment.
_SECONDS_TO_WAIT = 30.0

# What SQLite says of a database that is whole, and what to do then.
_NOT_NOW = {
    "database is locked": "wait until the program that holds it has ended",
    "database or disk is full": "free some space on the disk",
}


@dataclasses.dataclass(frozen=True)
class Known:
    """What is known of a file.

    Attributes:
      size: in bytes, when it was read.
      mtime_ns: time of its last change then.
      sha256: of its content; b"" where it could not be read then, and is to be read again.
      state: `INDEXED`, `UNREADABLE` or `GONE`.
      reason: why it is unreadable; "" otherwise.
    """

    size: int
    mtime_ns: int
    sha256: bytes
    state: str
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Rows:
    """What index.json says: what the rows of an index are.

    Attributes:
      model_checksum: of the model that made them.
      dim: size of an embedding.
      dtype: `float16` or `float32`.
      corrects_hubs: whether a row has one more value behind its embedding: what is added to its cosines with sentences.
    """

    model_checksum: str
    dim: int
    dtype: str
    corrects_hubs: bool = False

    @property
    def width(self) -> int:
        """Values of a row."""
        return self.dim + self.corrects_hubs

    def queries(self, vectors: np.ndarray, sentence_weight: float) -> np.ndarray:
        """Queries as the rows are multiplied by them.

        Args:
          vectors: `[num_queries, dim]` float32.
          sentence_weight: what share of them is sentences, see `queries.EmbeddedQuery`.

        Returns:
          `[num_queries, width]` float32.
        """
        if not self.corrects_hubs:
            return vectors
        return np.pad(vectors, ((0, 0), (0, 1)), constant_values=np.float32(sentence_weight))

    @classmethod
    def read(cls, folder: pathlib.Path) -> "Rows":
        """Reads index.json of an index.

        Raises:
          WorkspaceError: it is missing or damaged.
        """
        return cls(**json_files.read_workspace_json(folder / INDEX_JSON, _ROWS, _mend(folder)))

    def write(self, folder: pathlib.Path) -> None:
        """Writes index.json."""
        values = dataclasses.asdict(self)
        if not self.corrects_hubs:
            del values["corrects_hubs"]
        json_files.write_json(folder / INDEX_JSON, values)


_ROWS = Record(
    {"model_checksum": Text(), "dim": Whole(at_least=1), "dtype": OneOf(("float16", "float32"))},
    # Of older versions without it.
    optional={"corrects_hubs": Flag()},
    others=False,
)


def _mend(folder: pathlib.Path) -> str:
    return f"remove {folder.parent} and run cmr.index{shards.flag_of(folder.parent)} again"


_ANY_ROW = "SELECT 1 FROM pictures, contents LIMIT 1"


class Store:
    """An index on the disk. Whatever reads or writes its database raises WorkspaceError where SQLite can't.

    Args:
      folder: `index-<n>/`.
      writable: open it for the one writer.

    Attributes:
      folder: of the index.
      rows: what an embedding is.

    Raises:
      WorkspaceError: it is missing or damaged.
    """

    def __init__(self, folder: pathlib.Path, writable: bool = False):
        self.folder = folder
        self._npy = folder / EMBEDDINGS_NPY
        self.rows = Rows.read(folder)
        with self._told():
            if self._has_journal and not writable:
                self._roll_back()
            self._database = self._connected("rwc" if writable else "ro")
            if writable:
                self._database.executescript(_SCHEMA)
            self._database.execute(_ANY_ROW).fetchone()
            # Before any row is read: what is committed from here on is a change.
            self._version = self._data_version()
            self._check_rows()
            if writable:
                self._drop_uncommitted_rows()

    @classmethod
    def create(cls, folder: pathlib.Path, rows: Rows) -> "Store":
        """Makes an empty index, open for its writer."""
        folder.mkdir(parents=True, exist_ok=True)
        rows.write(folder)
        return cls(folder, writable=True)

    def close(self) -> None:
        self._database.close()

    def _connected(self, mode: str) -> sqlite3.Connection:
        # Of a path with a "?" or a "#" in it too.
        uri = f"{(self.folder / GALLERY_SQLITE).resolve().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=_SECONDS_TO_WAIT, check_same_thread=False)

    @property
    def _has_journal(self) -> bool:
        """Whether a commit has begun and not ended, here or by a writer that was stopped."""
        return (self.folder / f"{GALLERY_SQLITE}-journal").exists()

    def _roll_back(self) -> None:
        """Takes back half a commit of a writer that was stopped, where that can be written; of a live one nothing."""
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connected("rw")) as database:
            database.execute(_ANY_ROW).fetchone()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what SQLite or the disk can't do into a WorkspaceError."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason, mend = f"is missing or damaged ({error})", _mend(self.folder)
            not_now = next((_NOT_NOW[said] for said in _NOT_NOW if said in str(error)), "")
            if not_now:
                reason, mend = f"can't be used now ({error})", f"{not_now}, and give the same command again"
            # What is no database is damaged, whoever was at work on it.
            elif self._has_journal and isinstance(error, sqlite3.OperationalError):
                reason = f"is being written, or was when cmr.index was stopped, and can't be read now ({error})"
                mend = f"run cmr.index{shards.flag_of(self.folder.parent)} again"
            raise WorkspaceError(f"{self.folder / GALLERY_SQLITE} {reason}; {mend}") from error

    def _select(self, sql: str, parameters: Sequence = ()) -> Iterator[tuple]:
        """Rows of the database, one after the other."""
        with self._told():
            yield from self._database.execute(sql, parameters)

    def _first(self, sql: str, parameters: Sequence = ()) -> tuple | None:
        return next(self._select(sql, parameters), None)

    def has_changed(self) -> bool:
        """Whether another writer has committed since it was opened."""
        return self._data_version() != self._version

    def _data_version(self) -> int:
        return self._first("PRAGMA data_version")[0]

    def known(self) -> dict[bytes, Known]:
        """All files by their path below the pictures' folder, as bytes: a name need not be of any encoding."""
        rows = self._select("SELECT path, size, mtime_ns, sha256, state, reason FROM pictures")
        return {path: Known(*rest) for path, *rest in rows}

    def known_file(self, path: bytes) -> Known | None:
        """What is known of one file."""
        row = self._first("SELECT size, mtime_ns, sha256, state, reason FROM pictures WHERE path = ?", (path,))
        return Known(*row) if row else None

    def files(self) -> Iterator[tuple[bytes, Known, int | None]]:
        """All files in the order of their paths, one after the other: path, what is known, and the row of the content.

        The row is None where the file could not be read.
        """
        rows = self._select(
            "SELECT path, size, mtime_ns, pictures.sha256, state, reason, row FROM pictures "
            "LEFT JOIN contents ON contents.sha256 = pictures.sha256 ORDER BY path"
        )
        return ((path, Known(*known), row) for path, *known, row in rows)

    def shown_contents(self) -> tuple[np.ndarray, np.ndarray]:
        """The contents that a file has: the last eight bytes of each SHA-256 as a number, and its row.

        Returns:
          uint64 `[any]` and int64 `[any]`.
        """
        ends, rows = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        contents = self._select("SELECT substr(sha256, -8), row FROM contents WHERE is_shown")
        while block := list(itertools.islice(contents, _CONTENTS_AT_ONCE)):
            texts, numbers = zip(*block, strict=True)
            ends.append(np.frombuffer(b"".join(texts), np.uint64))
            rows.append(np.array(numbers, np.int64))
        return np.concatenate(ends), np.concatenate(rows)

    def holds_content(self, sha256: bytes) -> bool:
        """Whether a content has a row, be there a file of it or not."""
        return self._first("SELECT 1 FROM contents WHERE sha256 = ?", (sha256,)) is not None

    def rows_of_contents(self) -> dict[bytes, int]:
        """SHA-256 of a content -> its row in the embeddings."""
        return dict(self._select("SELECT sha256, row FROM contents"))

    def commit(
        self,
        files: Sequence[tuple[bytes, Known]],
        new_contents: Sequence[bytes] = (),
        embeddings: np.ndarray | None = None,
    ) -> None:
        """Writes what became of some files, all of it or nothing.

        Args:
          files: their paths and what is known of them now.
          new_contents: SHA-256 of the contents that are embedded for the first time.
          embeddings: `[len(new_contents), width]`, the rows of those.
        """
        first = self.num_rows()
        if new_contents:
            self._append(first, embeddings)
        with self._told(), self._database:
            self._database.executemany(
                "INSERT INTO contents VALUES (?, ?, 0)",
                ((content, first + place) for place, content in enumerate(new_contents)),
            )
            for path, known in files:
                before = self._database.execute("SELECT sha256 FROM pictures WHERE path = ?", (path,)).fetchone()
                self._database.execute(
                    "REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?)", (path, *dataclasses.astuple(known))
                )
                for content in {known.sha256, *(before or ())}:
                    self._database.execute(
                        "UPDATE contents SET is_shown = EXISTS (SELECT 1 FROM pictures WHERE pictures.sha256 = "
                        "contents.sha256 AND state = ?) WHERE sha256 = ?",
                        (INDEXED, content),
                    )

    def num_rows(self) -> int:
        """Embeddings that are committed."""
        return self._first("SELECT COALESCE(MAX(row) + 1, 0) FROM contents")[0]

    def hidden_rows(self) -> np.ndarray:
        """Rows whose content no file has any more: `[any]` int64."""
        rows = self._select("SELECT row FROM contents WHERE NOT is_shown")
        return np.array([*rows], np.int64).reshape(-1)

    def count(self, state: str) -> int:
        """Files in a state."""
        return self._first("SELECT COUNT(*) FROM pictures WHERE state = ?", (state,))[0]

    def count_files(self) -> int:
        """Files in any state."""
        return self._first("SELECT COUNT(*) FROM pictures")[0]

    def paths_of_row(self, row: int) -> list[bytes]:
        """The files whose content has this row, sorted."""
        rows = self._select(
            "SELECT path FROM pictures WHERE state = ? AND sha256 = (SELECT sha256 FROM contents WHERE row = ?) "
            "ORDER BY path",
            (INDEXED, row),
        )
        return [path for (path,) in rows]

    def content_of_row(self, row: int) -> bytes:
        """SHA-256 of the content that a row embeds."""
        return self._first("SELECT sha256 FROM contents WHERE row = ?", (row,))[0]

    def row_of_content(self, sha256: bytes) -> int | None:
        """The row of a content; None where no file has it."""
        row = self._first("SELECT row FROM contents WHERE sha256 = ? AND is_shown", (sha256,))
        return row[0] if row else None

    def embeddings(self) -> np.ndarray:
        """All committed rows, mapped from the disk: `[num_rows, width]`, not to be written."""
        shape = self.num_rows(), self.rows.width
        if not shape[0]:
            return np.zeros(shape, self.rows.dtype)
        try:
            # Mode c and not r: what must not be written is not handed on without a copy. Nothing here writes.
            return np.memmap(self._npy, self.rows.dtype, "c", _HEADER_BYTES, shape)
        except (OSError, ValueError) as error:
            raise self._too_short() from error

    def _too_short(self) -> WorkspaceError:
        return WorkspaceError(f"{self._npy} is missing or too short; {_mend(self.folder)}")

    def _end(self, count: int) -> int:
        """Where embeddings.npy ends with so many rows, in bytes."""
        return _HEADER_BYTES + count * self.rows.width * np.dtype(self.rows.dtype).itemsize

    def _check_rows(self) -> None:
        """Refuses an index that lacks rows: a writer would fill the gap with zeros."""
        count = self.num_rows()
        if count and (not self._npy.exists() or self._npy.stat().st_size < self._end(count)):
            raise self._too_short()

    def _append(self, first: int, embeddings: np.ndarray) -> None:
        rows = np.ascontiguousarray(embeddings, self.rows.dtype)
        if rows.shape[1:] != (self.rows.width,):
            raise ValueError(f"rows of the shape {list(rows.shape)} are not of {self.rows.width} values each")
        with open(self._npy, "rb+" if self._npy.exists() else "wb") as file:
            file.seek(_HEADER_BYTES + first * rows[0].nbytes)
            file.write(rows)
            file.flush()
            file.seek(0)
            file.write(_header(self.rows, first + len(rows)))
            file.flush()
            os.fsync(file.fileno())

    def _drop_uncommitted_rows(self) -> None:
        """Cuts off what a killed writer added behind the last commit."""
        with contextlib.suppress(FileNotFoundError):
            count = self.num_rows()
            if self._npy.stat().st_size > self._end(count):
                os.truncate(self._npy, self._end(count))
                with open(self._npy, "rb+") as file:
                    file.write(_header(self.rows, count))


def open_in_use(place: Place) -> tuple[Description, Store]:
    """The index in use, opened; a writer may put another one in its place meanwhile.

    Raises:
      WorkspaceError: there is none, or it is damaged.
    """
    while True:
        description = place.read()
        try:
            return description, Store(place.folder / description.index)
        except WorkspaceError:
            if place.read() == description:
                raise


def _header(rows: Rows, count: int) -> bytes:
    text = repr({"descr": np.dtype(rows.dtype).str, "fortran_order": False, "shape": (count, rows.width)})
    # Magic, version 1.0, and the length of the text, which spaces fill up.
    size = _HEADER_BYTES - 10
    return b"\x93NUMPY\x01\x00" + size.to_bytes(2, "little") + f"{text:<{size - 1}}\n".encode()
