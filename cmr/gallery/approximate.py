"""The approximate search of very large galleries: faiss's inverted lists of float16 vectors (the extra `index`).

Rows that were indexed since it was built are searched exactly beside it.
"""

import dataclasses
import time

import numpy as np

from cmr import extras
from cmr.errors import WorkspaceError
from cmr.gallery import similarity
from cmr.gallery.sharded_rows import ShardedRows
from cmr.gallery.sharded_store import ShardedStore
from cmr.gallery.store import ANN_FAISS, ANN_JSON, Store
from cmr.workspace import atomic_files, json_files, json_kinds, shards

# Of what the exact search has among its first ten, so many shall be found.
_WANTED_RECALL = 0.95
_RECALL_AT = 10
_QUERIES = 200

# faiss wants so many vectors to learn the middle of each list.
_ROWS_PER_LIST = 39
_ROWS_AT_ONCE = 65_536


@dataclasses.dataclass(frozen=True)
class Approximation:
    """ann.json.

    Attributes:
      num_rows: embeddings that it holds, from the first.
      lists: into which they are sorted.
      lists_searched: for a query.
      recall: of what the exact search has among its first ten, the share that it has there.
      seconds: that building took.
    """

    num_rows: int
    lists: int
    lists_searched: int
    recall: float
    seconds: float


_APPROXIMATION = json_kinds.of_dataclass(Approximation)


def build(index: Store, queries: np.ndarray | None) -> Approximation:
    """Builds ann.faiss beside the embeddings and measures it against the exact search.

    Args:
      index: the gallery's index.
      queries: `[any, dim]` float32 to measure with, sentences; None takes pictures of the gallery.

    Raises:
      ConfigError: faiss is not installed.
      WorkspaceError: there is nothing to build of.
    """
    faiss = _faiss()
    started, rows = time.monotonic(), index.embeddings()
    if not len(rows):
        raise WorkspaceError(f"{index.folder} holds no pictures yet; --ann has nothing to build of")
    random = np.random.default_rng(0)
    # Learning the lists takes their number times their rows: four times as many would take sixteen times as long.
    lists = max(1, min(int(len(rows) ** 0.5), len(rows) // _ROWS_PER_LIST))
    built = faiss.index_factory(rows.shape[1], f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
    sample = np.sort(random.permutation(len(rows))[: lists * _ROWS_PER_LIST * 2])
    built.train(np.asarray(rows[sample], np.float32))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        built.add(np.asarray(rows[start : start + _ROWS_AT_ONCE], np.float32))
    sentence_weight = 0.0 if queries is None else 1.0
    if queries is None:
        queries = rows[np.sort(random.permutation(len(rows))[:_QUERIES])][:, : index.rows.dim]
    queries = np.asarray(queries[random.permutation(len(queries))[:_QUERIES]], np.float32)
    queries = index.rows.queries(queries, sentence_weight)
    exact = similarity.similarities(rows, queries)
    best = [set(similarity.best(exact[:, place], _RECALL_AT)) for place in range(len(queries))]
    built.nprobe = 1
    while (recall := _recall(built, queries, best)) < _WANTED_RECALL and built.nprobe < lists:
        built.nprobe = min(lists, 2 * built.nprobe)
    done = Approximation(len(rows), lists, built.nprobe, recall, time.monotonic() - started)
    with atomic_files.atomic_path(index.folder / ANN_FAISS) as temporary:
        faiss.write_index(built, str(temporary))
    json_files.write_json(index.folder / ANN_JSON, dataclasses.asdict(done))
    return done


class ApproximateSearch:
    """ann.faiss opened.

    Args:
      index: the gallery's index.

    Raises:
      ConfigError: faiss is not installed.
      WorkspaceError: it was not built, or is damaged.
    """

    def __init__(self, index: Store):
        faiss = _faiss()
        mend = f"run cmr.index{shards.flag_of(index.folder.parent)} --ann, or search without --ann"
        path = index.folder / ANN_FAISS
        values = json_files.read_workspace_json(index.folder / ANN_JSON, _APPROXIMATION, mend)
        self.description = Approximation(**values)
        try:
            # Mapped, not read: a query looks at a few lists.
            self._built = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        except (OSError, RuntimeError) as error:
            raise WorkspaceError(f"{path} is missing or damaged; {mend}") from error

    def scores(self, rows: np.ndarray, query: np.ndarray, count: int) -> np.ndarray:
        """Scores of the rows that may be the best.

        Args:
          rows: `[num_rows, width]`, all of them.
          query: `[width]` float32, as of `Gallery.row_queries`.
          count: rows wanted.

        Returns:
          `[num_rows]` float32; minus infinity for rows that were not looked at.
        """
        scores = np.full(len(rows), -np.inf, np.float32)
        places = self._built.search(np.ascontiguousarray(query[None]), min(count, len(rows)))[1][0]
        # -1 where it has no more; beyond the rows where it was built anew since those were read.
        places = places[(places >= 0) & (places < len(rows))]
        # As the exact search has them.
        scores[places] = np.asarray(rows[places], np.float32) @ query
        if len(rows) > self.description.num_rows:
            late = rows[self.description.num_rows :]
            scores[self.description.num_rows :] = similarity.similarities(late, query[None])[:, 0]
        return scores


class ShardedApproximateSearch:
    """The same of a gallery in shards: each is searched by its own ann.faiss, in parallel.

    Args:
      index: the gallery's shards.

    Raises:
      ConfigError, WorkspaceError: as of `ApproximateSearch`, of any shard that has rows.
    """

    def __init__(self, index: ShardedStore):
        rows = index.embeddings()
        self._of_place = {
            shard.index - 1: ApproximateSearch(store)
            for shard, store in index.stores.items()
            if len(rows.parts[shard.index - 1])
        }

    def scores(self, rows: ShardedRows, query: np.ndarray, count: int) -> np.ndarray:
        """As `ApproximateSearch.scores`; `count` rows of each shard are looked for."""
        return rows.fill(lambda place: self._of_place[place].scores(rows.parts[place], query, count))


def open_search(index: Store | ShardedStore) -> ApproximateSearch | ShardedApproximateSearch:
    """Opens ann.faiss of an index, or of each shard.

    Raises:
      ConfigError: faiss is not installed.
      WorkspaceError: it was not built, or is damaged.
    """
    return ShardedApproximateSearch(index) if isinstance(index, ShardedStore) else ApproximateSearch(index)


def _recall(built, queries: np.ndarray, best: list[set[int]]) -> float:
    places = built.search(queries, _RECALL_AT)[1]
    shares = [len(wanted & set(row)) / len(wanted) for wanted, row in zip(best, places, strict=True)]
    return float(np.mean(shares))


def _faiss():
    extras.check_installed("--ann needs", "index", "faiss")
    import faiss

    return faiss
