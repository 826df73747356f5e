"""An index of as many rows as one likes, whose vectors lie in clusters as pictures' do, and searches of it, timed."""

import dataclasses
import pathlib
import statistics
import time
from collections.abc import Callable

import numpy as np

from cmr.cli import startup
from cmr.gallery.store import INDEXED, Known, Rows, Store

# Pictures of one kind lie together: a row is the middle of its kind and noise of about the same length.
_ROWS_A_KIND = 100
_ROWS_AT_ONCE = 20_000
TOP = 10


@dataclasses.dataclass(frozen=True)
class Searches:
    """Queries of one process.

    Attributes:
      first: seconds of the first one, TensorFlow's import not counted.
      seconds: median of the others.
      cpu_seconds: the same of all cores together, which others on the machine do not change.
      own_mib: resident memory that is the process's own (RssAnon) after the import, before the first query.
      results: of each query the first ten: their numbers and their scores.
    """

    first: float
    seconds: float
    cpu_seconds: float
    own_mib: float
    results: list[list[tuple[int, float]]]


@dataclasses.dataclass(frozen=True)
class Approximate:
    """The same of faiss.

    Attributes:
      build: seconds that it took.
      seconds: median of a query.
      recall: of the exact first ten.
      lists: of its inverted lists; of them `lists_searched` a query.
      lists_searched: see `lists`.
      mib: size of its file.
    """

    build: float
    seconds: float
    recall: float
    lists: int
    lists_searched: int
    mib: float


def write(folder: pathlib.Path, num_rows: int, dim: int) -> None:
    """Writes an index of unit rows in float16."""
    index = Store.create(folder, Rows("simulated", dim, "float16"))
    random = np.random.default_rng(0)
    kinds = max(1, num_rows // _ROWS_A_KIND)
    middles = _unit(random.standard_normal((kinds, dim), np.float32))
    for start in range(0, num_rows, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, num_rows - start)
        noise = _unit(random.standard_normal((count, dim), np.float32))
        names = [f"{start + place}.jpg".encode() for place in range(count)]
        contents = [name.rjust(32, b"0") for name in names]
        known = [(name, Known(1, 1, content, INDEXED)) for name, content in zip(names, contents, strict=True)]
        index.commit(known, contents, _unit(middles[random.integers(kinds, size=count)] + noise))
    index.close()


def clustered_rows(random: np.random.Generator, count: int, dim: int) -> np.ndarray:
    """Unit rows in clusters: `[count, dim]` float32."""
    middles = _unit(random.standard_normal((max(1, count // _ROWS_A_KIND), dim), np.float32))
    noise = _unit(random.standard_normal((count, dim), np.float32))
    return _unit(middles[random.integers(len(middles), size=count)] + noise)


def search(folder: pathlib.Path, num_queries: int) -> Searches:
    """Times exact searches; made for a process of its own."""
    startup.import_tensorflow(show_logs=False)
    return search_rows(Store(folder).embeddings(), num_queries)


def search_rows(rows: np.ndarray, num_queries: int) -> Searches:
    """The same of rows that are mapped from the disk, `[num_rows, dim]`; TensorFlow is imported."""
    from cmr.gallery import similarity

    def best(query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = similarity.similarities(rows, query[None])[:, 0]
        return scores, similarity.best(scores, TOP)

    return timed(rows, num_queries, best, int)


def timed(
    rows: np.ndarray,
    num_queries: int,
    best: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    number_of: Callable[[int], int],
) -> Searches:
    """Times queries near rows.

    Args:
      rows: `[num_rows, dim]`.
      num_queries: behind the first one.
      best: from a query `[dim]` to the scores of all and the best of them.
      number_of: from one of these to its number in `results`.
    """
    own = _own_mib()
    wall, cpu, results = [], [], []
    for query in _queries(rows, num_queries + 1):
        started, used = time.monotonic(), time.process_time()
        scores, first = best(query)
        wall.append(time.monotonic() - started)
        cpu.append(time.process_time() - used)
        results.append([(number_of(row), float(scores[row])) for row in first.tolist()])
    return Searches(wall[0], statistics.median(wall[1:]), statistics.median(cpu[1:]), own, results)


def search_approximately(folder: pathlib.Path, num_queries: int) -> Approximate:
    """Builds faiss's index and times its searches; made for a process of its own."""
    startup.import_tensorflow(show_logs=False)
    from cmr.gallery import approximate, similarity

    index = Store(folder)
    built = approximate.build(index, None)
    opened, rows, wall = approximate.ApproximateSearch(index), index.embeddings(), []
    for query in _queries(rows, num_queries + 1):
        started = time.monotonic()
        similarity.best(opened.scores(rows, query, TOP), TOP)
        wall.append(time.monotonic() - started)
    mib = (folder / "ann.faiss").stat().st_size / 2**20
    return Approximate(built.seconds, statistics.median(wall[1:]), built.recall, built.lists, built.lists_searched, mib)


def _queries(rows: np.ndarray, count: int) -> np.ndarray:
    """Vectors near rows of the gallery, `[count, dim]` float32."""
    random = np.random.default_rng(1)
    near = np.asarray(rows[random.integers(len(rows), size=count)], np.float32)
    return _unit(near + 0.5 * _unit(random.standard_normal(near.shape, np.float32)))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _own_mib() -> float:
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024
