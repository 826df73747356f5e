"""The same simulated rows in one file and in shards, and exact searches of both, timed and compared.

Rows alone: a database of ten million would take hours to write, and a search does not read it. Opening a gallery in
shards does, once: see `cmr.gallery.sharded_rows`.
"""

import dataclasses
import io
import pathlib
import statistics
import time
from collections.abc import Callable

import numpy as np

from cmr import progress
from cmr.cli import startup
from experiments.scale import simulated_gallery

_ROWS_AT_ONCE = 20_000
_TOP = 10

_ONE = "one.npy"


@dataclasses.dataclass(frozen=True)
class Searches:
    """Queries of one process.

    Attributes:
      first: seconds of the first one, TensorFlow's import not counted.
      seconds: median of the others.
      cpu_seconds: the same of all cores together, which others on the machine do not change.
      own_mib: memory that is the process's own (RssAnon) before it opens anything.
      results: of each query the first ten: their numbers in the one file and their scores.
    """

    first: float
    seconds: float
    cpu_seconds: float
    own_mib: float
    results: list[list[tuple[int, float]]]


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
    from cmr.gallery import similarity

    own_mib = simulated_gallery.own_mib()
    rows = _mapped(folder / _ONE)

    def best(query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = similarity.similarities(rows, query[None])[:, 0]
        return scores, similarity.best(scores, _TOP)

    return _timed(folder, num_queries, own_mib, best, lambda row: row)


def search_shards(folder: pathlib.Path, num_queries: int, count: int) -> Searches:
    """The same of the shards."""
    startup.import_tensorflow(show_logs=False)
    from cmr.gallery.sharded_rows import ShardedRows

    own_mib = simulated_gallery.own_mib()
    parts = [_mapped(folder / f"{place}.npy") for place in range(count)]
    numbers = [_mapped(folder / f"{place}-numbers.npy") for place in range(count)]
    rows = ShardedRows(parts, parts[0].shape[1])

    def number_of(row: int) -> int:
        position, place = divmod(row, count)
        return int(numbers[place][position])

    def best(query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = rows.similarities(query[None])[:, 0]
        # As long as paths, and in the order of the rows of the one file.
        return scores, rows.best(scores, _TOP, lambda row: b"%020d.jpg" % number_of(row))

    return _timed(folder, num_queries, own_mib, best, number_of)


def _timed(
    folder: pathlib.Path,
    num_queries: int,
    own_mib: float,
    best: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    number_of: Callable[[int], int],
) -> Searches:
    wall, cpu, results = [], [], []
    for query in simulated_gallery.queries(_mapped(folder / _ONE), num_queries + 1):
        started, used = time.monotonic(), time.process_time()
        scores, rows = best(query)
        wall.append(time.monotonic() - started)
        cpu.append(time.process_time() - used)
        results.append([(number_of(row), float(scores[row])) for row in rows.tolist()])
    return Searches(wall[0], statistics.median(wall[1:]), statistics.median(cpu[1:]), own_mib, results)


def _mapped(path: pathlib.Path) -> np.ndarray:
    # As `Store.embeddings` maps them.
    return np.load(path, mmap_mode="c")
