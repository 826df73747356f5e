"""The paper's tables: their data sets, and our rows, each of which is a flagfile of experiments/<dataset>/."""

import itertools
import pathlib
import re
from collections.abc import Mapping, Sequence

from cmr.evaluation import results_table
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

# A full stop that ends a sentence: that of `Eq. 5` does not.
_END_OF_SENTENCE = re.compile(r"(?<=\.) +(?=[^\W\d_])")


def title_of_best(dataset: str) -> str:
    """Title of a table of our best models, which go beyond the paper only where it has the data set."""
    start = "Beyond the paper" if results_table.paper_table(dataset) else "Our best models"
    return f"{start}: {results_table.dataset_title(dataset)}"


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


def descriptions(rows: Mapping[str, Sequence[Training]]) -> dict[str, str]:
    """The first sentence of the comment that each row's flagfile begins with; rows without one are left out."""
    sentences = {name: _first_sentence(trainings[0].flagfiles[0]) for name, trainings in rows.items()}
    return {name: sentence for name, sentence in sentences.items() if sentence}


def overlay_notes(overlays: Sequence[str]) -> list[str]:
    """What a table's caption has to say of the flagfiles that were read after each row's own."""
    names = [pathlib.Path(name).stem for name in overlays]
    return (
        [f"After its own flagfile, every row reads {' and '.join(f'{name}.flags' for name in names)}."] if names else []
    )


def _first_sentence(flagfile: pathlib.Path) -> str:
    lines = flagfile.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    text = " ".join(line.removeprefix("#").strip() for line in comment)
    return _END_OF_SENTENCE.split(text, maxsplit=1)[0]
