"""The same simulated rows in one file and in shards, and exact searches of both, timed and compared.

Rows alone: a database of ten million would take hours to write, and a search does not read it. Opening a gallery in
shards does, once: see `cmr.gallery.sharded_rows`.
"""

import io
import itertools
import pathlib

import numpy as np

from cmr import progress
from cmr.cli import startup
from experiments.scale import simulated_gallery
from experiments.scale.simulated_gallery import TOP, Searches

_ROWS_AT_ONCE = 20_000

_ONE = "one.npy"


class _RowsFile:
    """A `.npy` file of float16 rows, or of their numbers, that grows; no more than a block is in memory."""

    def __init__(self, path: pathlib.Path, dtype: str, row_shape: tuple[int, ...]):
        self._dtype, self._row_shape, self._count = np.dtype(dtype), row_shape, 0
        self._file = open(path, "wb")  # noqa: SIM115, closed by `close`
        self._file.write(self._header())

    def add(self, rows: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(rows, self._dtype))
        self._count += len(rows)

    def close(self) -> None:
        self._file.seek(0)
        self._file.write(self._header())
        self._file.close()

    def _header(self) -> bytes:
        # Of 128 bytes, whatever the number of rows.
        header, shape = io.BytesIO(), (self._count, *self._row_shape)
        np.lib.format.write_array_header_1_0(header, {"descr": self._dtype.str, "fortran_order": False, "shape": shape})
        return header.getvalue()


def write(folder: pathlib.Path, num_rows: int, dim: int, count: int) -> None:
    """Writes all rows to one file and each to the file of a shard, by chance as by a hash."""
    random = np.random.default_rng(0)
    drawn = simulated_gallery.clustered_rows(random, min(num_rows, _ROWS_AT_ONCE), dim).astype(np.float16)
    one = _RowsFile(folder / _ONE, "<f2", (dim,))
    parts = [_RowsFile(folder / f"{place}.npy", "<f2", (dim,)) for place in range(count)]
    numbers = [_RowsFile(folder / f"{place}-numbers.npy", "<i8", ()) for place in range(count)]
    with progress.progress_bar(num_rows, "row", "write") as bar:
        for start in range(0, num_rows, len(drawn)):
            # The axes shifted are other rows of the same kind; after `dim` blocks they repeat, and tie.
            rows = np.roll(drawn[: num_rows - start], start // len(drawn), axis=1)
            one.add(rows)
            places = random.integers(count, size=len(rows))
            for place in range(count):
                own = np.flatnonzero(places == place)
                parts[place].add(rows[own])
                numbers[place].add(start + own)
            bar.update(len(rows))
    for file in (one, *parts, *numbers):
        file.close()


def search_one(folder: pathlib.Path, num_queries: int) -> Searches:
    """Times exact searches of the one file; made for a process of its own."""
    startup.import_tensorflow(show_logs=False)
    return simulated_gallery.search_rows(_mapped(folder / _ONE), num_queries)


def search_shards(folder: pathlib.Path, num_queries: int, count: int) -> Searches:
    """The same of the shards, whose results have the numbers of the one file."""
    startup.import_tensorflow(show_logs=False)
    from cmr.gallery.sharded_rows import ShardedRows

    parts = [_mapped(folder / f"{place}.npy") for place in range(count)]
    numbers = [_mapped(folder / f"{place}-numbers.npy") for place in range(count)]
    rows = ShardedRows(parts, parts[0].shape[1])

    def number_of(row: int) -> int:
        position, place = divmod(row, count)
        return int(numbers[place][position])

    def best(query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = rows.similarities(query[None])[:, 0]
        # As long as paths, and in the order of the rows of the one file.
        order = rows.in_order(scores, TOP, lambda row: b"%020d.jpg" % number_of(row))
        return scores, np.fromiter(itertools.islice(order, TOP), np.int64)

    return simulated_gallery.timed(_mapped(folder / _ONE), num_queries, best, number_of)


def _mapped(path: pathlib.Path) -> np.ndarray:
    # As `Store.embeddings` maps them.
    return np.load(path, mmap_mode="c")
