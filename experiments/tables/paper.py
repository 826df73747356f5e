"""The paper's tables: their data sets, and our rows, each of which is a flagfile of experiments/<dataset>/."""

import pathlib
from collections.abc import Sequence

from experiments.trainings import training
from experiments.trainings.training import Training

# `scenes` is no table of the paper's: the embedded data set, on which the whole of it runs in minutes.
DATASETS = {"1": "flickr8k", "2": "flickr30k", "3": "mscoco", "scenes": "scenes"}

ROWS = ("vse_paper", "vse_repository", "vse_plus_plus", "single", "fusion")

TITLES = {
    "1": "Table 1: Flickr8K",
    "2": "Table 2: Flickr30K",
    "3": "Table 3: MSCOCO",
    "scenes": "The embedded scenes",
}


def file_stem(table: str, rows: Sequence[str] = ROWS) -> str:
    """Name of the files of a table without ending: `table1`, or with other rows than `ROWS` `table1-vse_paper-mine`."""
    whole = table if table == "scenes" else f"table{table}"
    return whole if tuple(rows) == ROWS else "-".join([whole, *rows])


def row_trainings(table: str, rows: Sequence[str], overlays: Sequence[str], seeds: int) -> dict[str, list[Training]]:
    """The trainings of each row, one a seed.

    Args:
      table: a key of `DATASETS`.
      rows: names of flagfiles in experiments/<dataset>/, or paths of others.
      overlays: flagfiles read after each row's own.
      seeds: their number.

    Raises:
      ConfigError: a flagfile is missing.
    """
    after = [training.find_flagfile(name) for name in overlays]
    of_rows = {}
    for row in rows:
        path = training.find_flagfile(row if "/" in row else f"{DATASETS[table]}/{row}")
        name = pathlib.Path(path).stem
        of_rows[name] = training.with_seeds(Training(name, (path, *after)), seeds)
    return of_rows
