"""The rows of several indexes under one numbering, searched exactly and in parallel.

Row `position` of the shard k of n is row `position * n + k - 1`: it keeps its number when any shard grows. Where a
shard is shorter than the longest, a number is of no row.

A query reads every row once, whether in one index or in shards, so its time is that of reading them. Measured by
`python -m experiments.search_scale` and worked out from there: see `experiments/README.md`.
"""

import heapq
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cmr.gallery import similarity


class ShardedRows:
    """Embeddings in several arrays.

    Args:
      parts: of every shard in their order `[its rows, dim]`, mapped from the disk; without rows where there is none.
      dim: size of an embedding.

    Attributes:
      shape: numbers of rows, those that are of no row among them, and `dim`.
      parts: see above.
    """

    def __init__(self, parts: Sequence[np.ndarray], dim: int):
        self.parts = parts
        self.shape = len(parts) * max(map(len, parts)), dim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | Sequence[int]) -> np.ndarray:
        """The embedding of a row, `[dim]`, or of several, `[len(rows), dim]`."""
        if isinstance(rows, int | np.integer):
            position, part = divmod(rows, len(self.parts))
            return self.parts[part][position]
        return np.stack([self[int(row)] for row in rows])

    def no_rows(self) -> np.ndarray:
        """The numbers that are of no row: `[any]` int64."""
        longest = len(self) // len(self.parts)
        missing = [
            np.arange(len(part), longest, dtype=np.int64) * len(self.parts) + place
            for place, part in enumerate(self.parts)
        ]
        return np.concatenate(missing)

    def fill(self, score: Callable[[int], np.ndarray], columns: tuple[int, ...] = ()) -> np.ndarray:
        """Scores of all rows, each shard's computed by a thread: products and reads need no Python.

        Args:
          score: from a shard's place among the parts to the scores of its rows, `[its rows, *columns]` float32.
          columns: of a row's scores.

        Returns:
          `[len(self), *columns]` float32, minus infinity where there is no row.
        """
        scores = np.full((len(self), *columns), -np.inf, np.float32)

        def fill_part(place: int) -> None:
            self._of_part(scores, place)[:] = score(place)

        places = [place for place, part in enumerate(self.parts) if len(part)]
        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="shard") as threads:
            # All are waited for, and the first failure is raised.
            list(threads.map(fill_part, places))
        return scores

    def similarities(self, queries: np.ndarray) -> np.ndarray:
        """As `similarity.similarities`, minus infinity where there is no row."""
        return self.fill(lambda place: similarity.similarities(self.parts[place], queries), (len(queries),))

    def best(self, scores: np.ndarray, count: int, path_of: Callable[[int], bytes]) -> np.ndarray:
        """As `similarity.best`: the best of each shard, merged.

        Args:
          scores: `[len(self)]` float32.
          count: rows at most.
          path_of: a row's path. Of equal scores in one shard the earlier row comes first, and among shards the lesser
            path: what is indexed at once is indexed in that order.
        """

        def of_part(place: int) -> Iterator[int]:
            positions = similarity.best(self._of_part(scores, place), count)
            return iter((positions * len(self.parts) + place).tolist())

        merged = heapq.merge(*map(of_part, range(len(self.parts))), key=lambda row: (-float(scores[row]), path_of(row)))
        return np.fromiter(itertools.islice(merged, count), np.int64)

    def _of_part(self, scores: np.ndarray, place: int) -> np.ndarray:
        return scores[place :: len(self.parts)][: len(self.parts[place])]
