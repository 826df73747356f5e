"""The table of an experiment: the paper's rows as printed, ours with their spread, the random row, and footnotes."""

import dataclasses
import itertools
import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from cmr.config import MODELS
from cmr.evaluation import bootstrap, metrics, results_table
from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.results_table import PaperRow
from experiments.tables import json_text
from experiments.trainings.results import RowResult

METRIC_TITLES = ("R@1", "R@5", "R@10", "Med r", "mean r")
DIRECTIONS = metrics.DIRECTIONS
DIRECTION_TITLES = ("sentence retrieval", "image retrieval")
# What the cells of a row are: direction and metric, sentence retrieval first.
COLUMNS = tuple(itertools.product(DIRECTIONS, metrics.METRICS))

RANDOM, PAPER, OURS = "random", "paper", "ours"

# Where nothing else is asked for, rows of a kind stand together.
_HEADINGS = {RANDOM: "Chance", PAPER: "The paper, as printed", OURS: "Measured here"}
_WITH_OURS = "The paper's systems, as printed, and each beneath it measured here"
_ABOVE_OURS = "its printed rows above ours"

STAND_IN_MARK = "†"
STILL_RISING_MARK = "↑"
_STAND_IN_FOOTNOTE = (
    f"{STAND_IN_MARK} marks a row whose features are not of the paper's networks but of others that stand in for them."
)
_STILL_RISING_FOOTNOTE = (
    f"{STILL_RISING_MARK} marks a row of which a run was at its best on validation in its last epoch: it was still "
    "rising, and more epochs may raise it."
)
_INTERVAL_SENTENCE = "In brackets: the 95% bootstrap interval over the test images, the gallery kept whole."
# What `texts.row_texts` does.
_BOLD_SENTENCE = (
    "Bold: the best of the rows measured here, where its interval does not overlap that of the next best row."
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """A number of the table, in percent or in ranks.

    Attributes:
      mean: over the seeds; None where only `printed` is known.
      std: sample standard deviation over the seeds; None where there is one.
      low: of the bootstrap interval over test images; None where there is none.
      high: likewise.
      printed: the paper's text, "" where it has none; None for what was computed here.
    """

    mean: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    printed: str | None = None


@dataclasses.dataclass(frozen=True)
class TableRow:
    """A system's row.

    Attributes:
      label: its name.
      kind: `RANDOM` (computed exactly), `PAPER` (as printed) or `OURS` (measured here).
      cells: one for each of `COLUMNS`.
      features: the sentence that names our features; "" for other kinds.
      description: a sentence on what it is; "" where the name says it.
      stand_in: whether features stand in for the paper's.
      still_rising: whether a run of it was at its best on validation in its last epoch.
      seeds: runs behind the numbers; 0 for other kinds.
      runs: names of their folders.
      footnotes: numbers of the table's, from 1, rising.
      seconds: that a run took where it was trained, mean of the runs; None where it is not known of all.
      peak_memory_mb: the most memory that a process of any of them held, in 2^20 bytes; None likewise.
      group: heading that it stands under; "": that of its kind.
    """

    label: str
    kind: str
    cells: tuple[Cell, ...]
    features: str = ""
    description: str = ""
    stand_in: bool = False
    still_rising: bool = False
    seeds: int = 0
    runs: tuple[str, ...] = ()
    footnotes: tuple[int, ...] = ()
    seconds: float | None = None
    peak_memory_mb: float | None = None
    group: str = ""

    @property
    def heading(self) -> str:
        """What it stands under."""
        return self.group or _HEADINGS[self.kind]

    @property
    def marks(self) -> str:
        """What stands behind the label for `stand_in` and `still_rising`, which a footnote or note explains."""
        return STAND_IN_MARK * self.stand_in + STILL_RISING_MARK * self.still_rising


@dataclasses.dataclass(frozen=True)
class ResultTable:
    """A table with all that is printed of it.

    Attributes:
      title: above it.
      dataset: the workspace's name of it.
      rows: the random one, the paper's, ours.
      notes: sentences of the caption, on all rows that were measured here.
      footnotes: sentences; number n is the n-th, and at least one row names it.
    """

    title: str
    dataset: str
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]
    footnotes: tuple[str, ...]

    @property
    def described_rows(self) -> list[TableRow]:
        """The rows that have a description."""
        return [row for row in self.rows if row.description]

    def to_json(self) -> str:
        """Text that `from_json` reads exactly."""
        return json_text.written(self)

    @classmethod
    def from_json(cls, text: str) -> "ResultTable":
        """The inverse of `to_json`.

        Raises:
          DataError: the text is no table.
        """
        with json_text.refusing("this is not a table of results", "build it again"):
            values = json.loads(text)
            rows = tuple(_row_from_dict(row) for row in values.pop("rows"))
            sentences = {name: tuple(values.pop(name)) for name in ("notes", "footnotes")}
            return cls(rows=rows, **sentences, **values)


def build_table(
    title: str,
    dataset: str,
    random: BothDirections,
    rows: Sequence[RowResult],
    descriptions: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    beneath_paper: bool = False,
    readings: Mapping[str, Sequence[str]] | None = None,
) -> ResultTable:
    """Puts what was measured beside what the paper printed.

    Args:
      title: of the table.
      dataset: the workspace's name of it; the paper's rows are left out where it has none.
      random: exact values of the test images (`metrics.random_ranking`).
      rows: measured ones, in their order.
      descriptions: name of a row -> a sentence on what it is; rows may be left out.
      notes: further sentences of the caption.
      beneath_paper: put each row of ours beneath the paper's row of the same system, and not behind all of the paper's.
      readings: heading -> names of rows that stand under it, the paper's row of the same system above each.

    Returns:
      The table. A mean is that of the runs' test metrics, an interval `bootstrap.intervals` of their ranks.

    Raises:
      DataError: the runs of a row are of different test images.
      WorkspaceError: a run's file is missing or damaged.
    """
    table = _build(title, dataset, random, results_table.paper_table(dataset), rows, descriptions or {}, notes)
    if not beneath_paper and not readings:
        return table
    system_of = {row.name: _paper_system(dataset, row, readings or {}) for row in rows}
    return dataclasses.replace(table, rows=tuple(_arranged(table, system_of, beneath_paper, readings or {})))


def build_table_without_paper(
    title: str, dataset: str, random: BothDirections, rows: Sequence[RowResult]
) -> ResultTable:
    """The same without the paper's rows, for ours that are compared with each other."""
    return _build(title, dataset, random, (), rows, {}, ())


def _build(
    title: str,
    dataset: str,
    random: BothDirections,
    paper_rows: Sequence[PaperRow],
    rows: Sequence[RowResult],
    descriptions: Mapping[str, str],
    further_notes: Sequence[str],
) -> ResultTable:
    measured_on = (
        f"Measured on {random.sentence_retrieval.num_queries:,} test images with "
        f"{random.image_retrieval.num_queries:,} sentences; the random row is computed exactly for them."
    )
    of_rows = [_sentences(row) for row in rows]
    shared = [sentence for sentence in (of_rows or [[]])[0] if all(sentence in others for others in of_rows)]
    bold = [_BOLD_SENTENCE] if len(rows) > 1 else []
    footnotes = _Footnotes()
    table_rows = [
        TableRow("Random ranking (exact)", RANDOM, _exact_cells(random)),
        *(_paper_row(row, dataset, footnotes) for row in paper_rows),
    ]
    for row, sentences in zip(rows, of_rows, strict=True):
        numbers = footnotes.numbers([sentence for sentence in sentences if sentence not in shared])
        table_rows.append(_our_row(row, descriptions.get(row.name, ""), numbers))
    notes = [measured_on, *shared, *bold, *further_notes]
    return ResultTable(title, dataset, tuple(table_rows), tuple(notes), tuple(footnotes.sentences))


def _arranged(
    table: ResultTable, system_of: Mapping[str, str | None], beneath_paper: bool, readings: Mapping[str, Sequence[str]]
) -> Iterator[TableRow]:
    """The rows in the order of their headings; the paper's rows that a reading repeats stand there alone.

    Args:
      table: the paper's rows before ours.
      system_of: name of a row of ours -> the paper's system; None where it has none.
      beneath_paper: as in `build_table`.
      readings: likewise.
    """
    ours = {row.label: row for row in table.rows if row.kind == OURS}
    printed = {row.label: row for row in table.rows if row.kind == PAPER}
    read = {heading: [name for name in names if name in ours] for heading, names in readings.items()}
    repeated = {system_of[name] for names in read.values() for name in names}
    rest = [name for name in ours if not any(name in names for names in read.values())]
    yield from (row for row in table.rows if row.kind == RANDOM)
    for system, row in printed.items():
        beneath = [name for name in rest if beneath_paper and system_of[name] == system]
        group = _WITH_OURS if beneath_paper else ""
        if system not in repeated or beneath:
            yield dataclasses.replace(row, group=group)
        yield from (dataclasses.replace(ours[name], group=group) for name in beneath)
        rest = [name for name in rest if name not in beneath]
    for reading, names in read.items():
        heading, shown = f"{reading} ({_ABOVE_OURS})", set()
        for name in names:
            system = system_of[name]
            if system in printed and system not in shown:
                yield dataclasses.replace(printed[system], group=heading)
                shown.add(system)
            yield dataclasses.replace(ours[name], group=heading)
    yield from (ours[name] for name in rest)


def _paper_system(dataset: str, row: RowResult, readings: Mapping[str, Sequence[str]]) -> str | None:
    """The paper's name of a system; of ours only those that a reading of the paper has, others came after it."""
    system = row.runs[0].run_config.system
    is_of_reading = any(row.name in names for names in readings.values())
    if readings and system in MODELS and not is_of_reading:
        return None
    printed = results_table.paper_row(dataset, system)
    return printed and printed.system


class _Footnotes:
    """Numbers sentences in the order in which rows first need them, each distinct one once."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def numbers(self, sentences: Sequence[str]) -> tuple[int, ...]:
        for sentence in sentences:
            if sentence not in self.sentences:
                self.sentences.append(sentence)
        return tuple(sorted({self.sentences.index(sentence) + 1 for sentence in sentences}))


def _exact_cells(exact: BothDirections) -> tuple[Cell, ...]:
    return tuple(Cell(float(getattr(getattr(exact, way), name))) for way, name in COLUMNS)


def _paper_row(row: PaperRow, dataset: str, footnotes: _Footnotes) -> TableRow:
    # The paper prints no mean rank.
    cells = tuple(Cell(printed=text) for text in (*row.sentence_retrieval, "", *row.image_retrieval, ""))
    numbers = footnotes.numbers(results_table.footnotes(dataset, [row.system]))
    return TableRow(row.system, PAPER, cells, footnotes=numbers)


def _our_row(row: RowResult, description: str, footnotes: tuple[int, ...]) -> TableRow:
    return TableRow(
        label=row.name,
        kind=OURS,
        cells=_measured_cells(row),
        features=row.features,
        description=description,
        stand_in=bool(row.stand_ins),
        still_rising=_is_still_rising(row),
        seeds=len(row.runs),
        runs=tuple(result.run.path.name for result in row.runs),
        footnotes=footnotes,
        seconds=_known([result.seconds for result in row.runs], statistics.fmean),
        peak_memory_mb=_known([result.peak_memory_mb for result in row.runs], max),
    )


def _known(values: Sequence[float | None], united: Callable[[Sequence[float]], float]) -> float | None:
    return None if None in values else united(values)


def _sentences(row: RowResult) -> list[str]:
    """What a reader of a row of ours has to know."""
    seeds = len(row.runs)
    return [
        "One seed." if seeds == 1 else f"Mean ± sample standard deviation over {seeds} seeds.",
        _INTERVAL_SENTENCE,
        *([_STAND_IN_FOOTNOTE] if row.stand_ins else []),
        *([_STILL_RISING_FOOTNOTE] if _is_still_rising(row) else []),
        f"Features: {row.features}.",
        *row.notes,
    ]


def _is_still_rising(row: RowResult) -> bool:
    # An ensemble has no epochs, and what is fitted at once is at epoch 0.
    return row.is_trained and any(0 < result.best_epoch == result.history[-1]["epoch"] for result in row.runs)


def _measured_cells(row: RowResult) -> tuple[Cell, ...]:
    intervals = bootstrap.intervals(row.ranks)
    cells = []
    for way, name in COLUMNS:
        values = [float(getattr(getattr(result.test, way), name)) for result in row.runs]
        std = statistics.stdev(values) if len(values) > 1 else None
        interval = getattr(intervals, way)[name]
        cells.append(Cell(statistics.fmean(values), std, interval.low, interval.high))
    return tuple(cells)


def _row_from_dict(values: dict) -> TableRow:
    lists = {name: tuple(values.pop(name)) for name in ("runs", "footnotes")}
    cells = tuple(Cell(**cell) for cell in values.pop("cells"))
    if len(cells) != len(COLUMNS):
        raise ValueError(f"a row has {len(cells)} numbers for {len(COLUMNS)}")
    return TableRow(cells=cells, **lists, **values)
