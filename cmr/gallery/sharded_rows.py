"""The rows of several indexes under one numbering, searched exactly and in parallel.

Row `position` of the shard k of n is row `position * n + k - 1`: it keeps its number when any shard grows. Where a
shard is shorter than the longest, a number is of no row.

A query reads every row once, in shards as in one index. Measured by `python -m experiments.search_scale --shards=16`
(512 values in float16, two cores that had much other work, so seconds of CPU and not of the clock; "own" is memory that
searches add, of which 4 bytes a row are its score, and as many again while the best are looked for):

    rows    one index: CPU s   own MiB    16 shards: CPU s   own MiB    first ten, their scores and order
    10^6                0.43        48                0.45        80    the same in every query
    10^7                4.18       160                3.85       157    the same in every query

So a row is 1,024 bytes and 0.42 µs of a core, or 2.4 GB/s a core. From there on it is arithmetic, nothing of it
measured, for machines of 32 cores (77 GB/s, less than their memory's bandwidth), 128 GB of memory, a disk of 3 GB/s:

    way, bytes a row          rows   memory    read a query   machines   time of a query
    exact, 1,024              10^8   102 GB    102 GB         1          102 / 77 = 1.3 s; from the disk 34 s
                              10^9   1,024 GB  1,024 GB       9          1,024 / (9 * 77) = 1.5 s
    IVF,SQfp16, 1,024 + 8     10^8   103 GB    2% = 2.1 GB    1          2.1 / 2.4 = 0.9 s of one core
                              10^9   1,032 GB  2% = 21 GB     9          21 / (9 * 2.4) = 1.0 s of one core each
    IVF,PQ64, 64 + 8          10^8   7.2 GB    2% = 0.14 GB   1          2 * 10^6 * 64 sums = 0.1 s of one core
                              10^9   72 GB     2% = 1.4 GB    1          2 * 10^7 * 64 sums = 1.3 s of one core

A query costs machines times seconds: exact 1.3 machine-seconds at 10^8 and 13 at 10^9, with all cores busy; IVF a
core's second and nine. Many queries at once read the rows once. The 8 bytes are a row's number. That 2% of the lists
are enough is assumed: `cmr.index --ann` measures what gives 95% of the exact first ten, and says it. The coarse search
adds the middles of sqrt(rows) lists, 2 kB each: 20 MB at 10^8 and 65 MB at 10^9. PQ64 is not built here; it loses more,
which 1,000 rows read again exactly (1 MB) mend, and a sum of it is taken as 1 ns. Building lists takes rows * lists *
1,024 operations: 10^15 for one index of 10^8 with 10^4 lists, a quarter of that for 16 shards with 2,500 lists each.
Several machines are not one search here: each serves its shards by cmr.serve, whose answers bring scores to merge by.

Opening shards that are not merged reads what is known of every content, to tell copies in several shards: about 1 µs of
a core and 50 bytes a picture, once. At 10^7 that is ten seconds; larger galleries are better merged.
"""

import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cmr.gallery import similarity


class ShardedRows:
    """Embeddings in several arrays.

    Args:
      parts: of every shard in their order `[its rows, width]`, mapped from the disk; without rows where there is none.
      width: values of a row.

    Attributes:
      shape: numbers of rows, those that are of no row among them, and `width`.
      parts: see above.
    """

    def __init__(self, parts: Sequence[np.ndarray], width: int):
        self.parts = parts
        self.shape = len(parts) * max(map(len, parts)), width

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | Sequence[int]) -> np.ndarray:
        """A row, `[width]`, or several, `[len(rows), width]`."""
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

    def in_order(self, scores: np.ndarray, count: int, path_of: Callable[[int], bytes]) -> Iterator[int]:
        """As `similarity.in_order`: the orders of the shards, merged.

        Args:
          scores: `[len(self)]` float32.
          count: rows that are likely to be taken.
          path_of: a row's path. Of equal scores in one shard the earlier row comes first, and among shards the lesser
            path: what is indexed at once is indexed in that order.
        """

        def of_part(place: int) -> Iterator[int]:
            positions = similarity.in_order(self._of_part(scores, place), count)
            return (position * len(self.parts) + place for position in positions)

        return heapq.merge(*map(of_part, range(len(self.parts))), key=lambda row: (-float(scores[row]), path_of(row)))

    def _of_part(self, scores: np.ndarray, place: int) -> np.ndarray:
        return scores[place :: len(self.parts)][: len(self.parts[place])]
