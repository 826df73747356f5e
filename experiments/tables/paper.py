"""The paper's tables: their data sets, and our rows, each of which is a flagfile of flagfiles/<dataset>/."""

import itertools
import pathlib
import re
from collections.abc import Mapping, Sequence

from cmr.cli.flagfiles import find_flagfile
from cmr.errors import DataError
from cmr.evaluation import results_table
from experiments.tables.table import OURS, ResultTable
from experiments.trainings import train_flags, training
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

# A full stop that ends a sentence: that of `Eq. 5` does not.
_END_OF_SENTENCE = re.compile(r"(?<=\.) +(?=[^\W\d_])")


def title_of_best(dataset: str) -> str:
    """Title of a table of our best models, which go beyond the paper only where it has the data set."""
    start = "Beyond the paper" if results_table.paper_table(dataset) else "Our best models"
    return f"{start}: {results_table.dataset_title(dataset)}"


def file_stem(table: str, rows: Sequence[str] = ROWS, overlays: Sequence[str] = ()) -> str:
    """Name of the files of a table without ending.

    Args:
      table: a key of `DATASETS`.
      rows: names of its rows.
      overlays: names of the flagfiles that were read after each row's own.

    Returns:
      `table1`, or `scenes`; behind it other rows than `ROWS`, then the overlays: `table1-vse_paper-mine-laptop`.
    """
    whole = table if table == "scenes" else f"table{table}"
    return "-".join([whole, *(() if tuple(rows) == ROWS else rows), *overlays])


def table_json(folder: pathlib.Path, table: str) -> pathlib.Path:
    """The file of a table of `ROWS` to show: that without overlays, else the newest one with any.

    Args:
      folder: with the tables of a data set.
      table: a key of `DATASETS`.

    Returns:
      Its path, that without overlays where there is none at all.
    """
    plain = folder / f"{file_stem(table)}.json"
    with_overlays = [path for path in folder.glob(f"{file_stem(table)}-*.json") if _has_all_rows(path)]
    if plain.exists() or not with_overlays:
        return plain
    return max(with_overlays, key=lambda path: path.stat().st_mtime)


def _has_all_rows(path: pathlib.Path) -> bool:
    try:
        table = ResultTable.from_json(path.read_text(encoding="utf-8"))
    except DataError:
        return False
    ours = [row.label for row in table.rows if row.kind == OURS]
    return tuple(ours) == ROWS


def overlay_notes(overlays: Sequence[pathlib.Path]) -> list[str]:
    """What a table's caption says of the flagfiles that were read after each row's own; nothing without any.

    Raises:
      ConfigError: a flagfile holds what cmr.train refuses.
    """
    if not overlays:
        return []
    each = "; ".join(f"{path.stem} ({' '.join(train_flags.given(path))})" for path in overlays)
    return [f"Not the rows' own settings alone; read after them: {each}."]


def row_trainings(table: str, rows: Sequence[str], overlays: Sequence[str], seeds: int) -> dict[str, list[Training]]:
    """The trainings of each row, one a seed.

    Args:
      table: a key of `DATASETS`.
      rows: names of flagfiles in experiments/flagfiles/<dataset>/, or paths of others.
      overlays: flagfiles read after each row's own.
      seeds: their number.

    Raises:
      ConfigError: a flagfile is missing.
    """
    after = [find_flagfile(name) for name in overlays]
    of_rows = {}
    for row in rows:
        path = find_flagfile(row if "/" in row else f"{DATASETS[table]}/{row}")
        name = pathlib.Path(path).stem
        of_rows[name] = training.with_seeds(Training(name, (path, *after)), seeds)
    return of_rows


def descriptions(rows: Mapping[str, Sequence[Training]]) -> dict[str, str]:
    """The first sentence of the comment that each row's flagfile begins with; rows without one are left out."""
    sentences = {name: _first_sentence(trainings[0].flagfiles[0]) for name, trainings in rows.items()}
    return {name: sentence for name, sentence in sentences.items() if sentence}


def _first_sentence(flagfile: pathlib.Path) -> str:
    lines = flagfile.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    text = " ".join(line.removeprefix("#").strip() for line in comment)
    return _END_OF_SENTENCE.split(text, maxsplit=1)[0]
