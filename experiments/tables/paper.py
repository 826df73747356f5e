"""The paper's tables: their data sets, and our rows, each of which is a flagfile of flagfiles/<dataset>/."""

import hashlib
import itertools
import pathlib
import re
from collections.abc import Mapping, Sequence

from cmr.cli.flagfiles import find_flagfile
from cmr.errors import ConfigError, DataError
from cmr.evaluation import results_table
from experiments.tables.table import OURS, ResultTable
from experiments.trainings import train_flags, training
from experiments.trainings.training import Training

# `scenes` is no table of the paper's: the embedded data set, on which the whole of it runs in minutes.
DATASETS = {"1": "flickr8k", "2": "flickr30k", "3": "mscoco", "scenes": "scenes"}

# Every model of the paper's section 4.3 in both readings of the whole; fusion > single > VSE is judged within one.
READINGS = {
    "As the paper is written": ("vse_paper", "single", "fusion"),
    "As VSE's code runs, with the paper's images and sizes": (
        "vse_repository",
        "single_repository",
        "fusion_repository",
    ),
}
ROWS = (*itertools.chain(*READINGS.values()), "vse_plus_plus")

# The systems of the paper's tables beside ours: flagfiles of flagfiles/comparators/<dataset>/, in its rows' order.
# ConSE needs a CNN that knows ImageNet's classes, which the scenes' does not.
ALL = "all"
_COMPARATORS = (
    *("devise", "conse", "m_rnn", "nic", "deep_fragment", "dvsa", "dcca"),
    *("m_cnn_wd", "m_cnn_phs", "m_cnn_phl", "m_cnn_st", "m_cnn_ens"),
    *("cca", "cca_ngrams", "fv", "w2vv"),
)


def comparators(table: str) -> tuple[str, ...]:
    """The comparators' rows of a table, a key of `DATASETS`."""
    return tuple(row for row in _COMPARATORS if table != "scenes" or row != "conse")


def rows_of(table: str, named: Sequence[str]) -> tuple[str, ...]:
    """The rows that `--rows` names: `ALL` is the comparators' and ours, nothing ours alone."""
    if not named:
        return ROWS
    all_rows = *comparators(table), *ROWS
    return tuple(dict.fromkeys(row for name in named for row in (all_rows if name == ALL else (name,))))


TITLES = {
    "1": "Table 1: Flickr8K",
    "2": "Table 2: Flickr30K",
    "3": "Table 3: MSCOCO",
    "scenes": "The embedded scenes",
}

# Characters of the rows' names in a file's name; a whole name has 255 bytes at most.
_LONGEST_NAME = 120

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
      `table1`, or `scenes`; behind it other rows than `ROWS`, or `all`, then the overlays:
      `table1-vse_paper-mine-laptop`. Of more rows than a file's name should hold their number and a digest.
    """
    beginning = table if table == "scenes" else f"table{table}"
    named = () if tuple(rows) == ROWS else rows
    if tuple(rows) == rows_of(table, (ALL,)):
        named = (ALL,)
    if len("-".join(named)) > _LONGEST_NAME:
        named = (f"{len(rows)}_rows", hashlib.sha256(repr(tuple(rows)).encode("utf-8")).hexdigest()[:8])
    return "-".join([beginning, *named, *overlays])


def table_json(folder: pathlib.Path, table: str) -> pathlib.Path:
    """The file of a table to show: that with most of `ROWS`, of several most rows, else without overlays, else newest.

    Args:
      folder: with the tables of a data set.
      table: a key of `DATASETS`.

    Returns:
      Its path, that without overlays where there is none at all.
    """
    plain = folder / f"{file_stem(table)}.json"
    rows = {path: _own_rows(path) for path in folder.glob(f"{file_stem(table)}*.json")}

    def rank(path: pathlib.Path) -> tuple[int, int, bool, float]:
        return len(set(ROWS) & set(rows[path])), len(rows[path]), path == plain, path.stat().st_mtime

    return max((path for path in rows if rows[path]), key=rank, default=plain)


def _own_rows(path: pathlib.Path) -> list[str]:
    """Labels of a table's rows that were measured here; none of a file that is no table."""
    try:
        table = ResultTable.from_json(path.read_text(encoding="utf-8"))
    except (DataError, UnicodeDecodeError):
        return []
    return [row.label for row in table.rows if row.kind == OURS]


def overlay_notes(overlays: Sequence[pathlib.Path], has_comparators: bool = False) -> list[str]:
    """What a table's caption says of the flagfiles that were read after each row's own; nothing without any.

    Raises:
      ConfigError: a flagfile holds what cmr.train refuses.
    """
    if not overlays:
        return []
    each = "; ".join(f"{path.stem} ({' '.join(train_flags.given(path))})" for path in overlays)
    note = f"Not the rows' own settings alone; read after them: {each}."
    if not has_comparators:
        return [note]
    shared, further = (
        {flag for path in overlays for flag in train_flags.for_comparator(path, system)} for system in ("cca", "m_rnn")
    )
    told = f"only {' '.join(sorted(shared))}" if shared else "nothing"
    rounded = ", those of language models products in bfloat16 too" if further - shared else ""
    return [f"{note} Rows of cmr.compare take {told} of that{rounded}."]


def row_trainings(table: str, rows: Sequence[str], overlays: Sequence[str], seeds: int) -> dict[str, list[Training]]:
    """The trainings of each row, one a seed.

    Args:
      table: a key of `DATASETS`.
      rows: names of flagfiles in experiments/flagfiles/<dataset>/ and of `comparators`, or paths of others.
      overlays: flagfiles of cmr.train read after each row's own; of comparators' rows the flags that cmr.compare has
        too, such as those of the CNNs.
      seeds: their number.

    Raises:
      ConfigError: a flagfile is missing, of another data set, or named like another row's.
    """
    after = [find_flagfile(name) for name in overlays]
    of_rows = {}
    for row in rows:
        folder = "comparators/" if row in _COMPARATORS else ""
        is_path = "/" in row or row.endswith(".flags")
        path = find_flagfile(row if is_path else f"{folder}{DATASETS[table]}/{row}")
        name = pathlib.Path(path).stem
        first = Training(name, (path, *after))
        if train_flags.command_of([path]) == train_flags.COMPARE:
            system = train_flags.read([path], []).system
            told = (flag for each in after for flag in train_flags.for_comparator(each, system))
            first = Training(name, (path,), tuple(told))
        if name in of_rows or first.dataset != DATASETS[table]:
            why = "is there twice" if name in of_rows else f"is of {first.dataset}, and the table of {DATASETS[table]}"
            raise ConfigError(f"--rows: {name} {why}; leave it out, or give the --table that it belongs to")
        of_rows[name] = training.with_seeds(first, seeds)
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
