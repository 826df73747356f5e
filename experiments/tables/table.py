"""The table of an experiment: the paper's rows as printed, ours with their spread, the random row, and footnotes."""

import dataclasses
import json
import statistics
from collections.abc import Sequence

from cmr.errors import DataError
from cmr.evaluation import metrics, results_table
from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.results_table import PaperRow
from experiments.statistics import bootstrap
from experiments.trainings.results import RowResult

# Of each direction, sentence retrieval first; the paper prints no mean rank.
METRICS = metrics.METRICS[:4]
METRIC_TITLES = ("R@1", "R@5", "R@10", "Med r")
DIRECTIONS = metrics.DIRECTIONS
DIRECTION_TITLES = ("sentence retrieval", "image retrieval")

RANDOM, PAPER, OURS = "random", "paper", "ours"

STAND_IN_MARK = "†"
_STAND_IN_FOOTNOTE = (
    f"{STAND_IN_MARK} marks a row whose features are not of the paper's networks but of others that stand in for them."
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """A number of the table, in percent or in ranks.

    Attributes:
      mean: over the seeds; None where only `printed` is known.
      std: sample standard deviation over the seeds; None where there is one.
      low: of the bootstrap interval over test images; None where there is none.
      high: likewise.
      printed: the paper's text; None for what was computed here.
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
      label: its name, with `STAND_IN_MARK` behind it where `stand_in`.
      kind: `RANDOM` (computed exactly), `PAPER` (as printed) or `OURS` (measured here).
      cells: `METRICS` of sentence retrieval, then of image retrieval.
      features: the sentence that names our features; "" for other kinds.
      stand_in: whether features stand in for the paper's.
      seeds: runs behind the numbers; 0 for other kinds.
      runs: names of their folders.
      footnotes: numbers of the table's, from 1, rising.
    """

    label: str
    kind: str
    cells: tuple[Cell, ...]
    features: str = ""
    stand_in: bool = False
    seeds: int = 0
    runs: tuple[str, ...] = ()
    footnotes: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class ResultTable:
    """A table with all that is printed of it.

    Attributes:
      title: above it.
      dataset: the workspace's name of it.
      rows: the random one, the paper's, ours.
      footnotes: sentences; number n is the n-th, and at least one row names it.
    """

    title: str
    dataset: str
    rows: tuple[TableRow, ...]
    footnotes: tuple[str, ...]

    def to_json(self) -> str:
        """Text that `from_json` reads exactly."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ResultTable":
        """The inverse of `to_json`.

        Raises:
          DataError: the text is no table.
        """
        try:
            values = json.loads(text)
            rows = tuple(_row_from_dict(row) for row in values.pop("rows"))
            return cls(rows=rows, footnotes=tuple(values.pop("footnotes")), **values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"this is not a table of results ({error}); build it again") from error


def build_table(title: str, dataset: str, random: BothDirections, rows: Sequence[RowResult]) -> ResultTable:
    """Puts what was measured beside what the paper printed.

    Args:
      title: of the table.
      dataset: the workspace's name of it; the paper's rows are left out where it has none.
      random: exact values of the test images (`metrics.random_ranking`).
      rows: measured ones, in their order.

    Returns:
      The table. A mean is that of the runs' test metrics, an interval `bootstrap.intervals` of their ranks.

    Raises:
      DataError: the runs of a row are of different test images.
      WorkspaceError: a run's file is missing or damaged.
    """
    return _build(title, dataset, random, results_table.paper_table(dataset), rows)


def build_table_without_paper(
    title: str, dataset: str, random: BothDirections, rows: Sequence[RowResult]
) -> ResultTable:
    """The same without the paper's rows, for ours that are compared with each other."""
    return _build(title, dataset, random, (), rows)


def _build(
    title: str,
    dataset: str,
    random: BothDirections,
    paper_rows: Sequence[PaperRow],
    rows: Sequence[RowResult],
) -> ResultTable:
    footnotes = _Footnotes()
    measured_on = (
        f"Measured on {random.sentence_retrieval.num_queries:,} test images with "
        f"{random.image_retrieval.num_queries:,} sentences; the random row is computed exactly for them."
    )
    table_rows = [
        TableRow("Random ranking (exact)", RANDOM, _exact_cells(random), footnotes=footnotes.numbers([measured_on])),
        *(_paper_row(row, dataset, footnotes) for row in paper_rows),
        *(_our_row(row, measured_on, footnotes) for row in rows),
    ]
    return ResultTable(title, dataset, tuple(table_rows), tuple(footnotes.sentences))


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
    return tuple(Cell(float(getattr(getattr(exact, way), name))) for way in DIRECTIONS for name in METRICS)


def _paper_row(row: PaperRow, dataset: str, footnotes: _Footnotes) -> TableRow:
    cells = tuple(Cell(printed=text) for text in (*row.sentence_retrieval, *row.image_retrieval))
    numbers = footnotes.numbers(results_table.footnotes(dataset, [row.system]))
    return TableRow(row.system, PAPER, cells, footnotes=numbers)


def _our_row(row: RowResult, measured_on: str, footnotes: _Footnotes) -> TableRow:
    stand_in = bool(row.stand_ins)
    sentences = [
        measured_on,
        _spread_sentence(len(row.runs)),
        *([_STAND_IN_FOOTNOTE] if stand_in else []),
        f"Features: {row.features}.",
        *row.notes,
    ]
    return TableRow(
        label=row.name + (STAND_IN_MARK if stand_in else ""),
        kind=OURS,
        cells=_measured_cells(row),
        features=row.features,
        stand_in=stand_in,
        seeds=len(row.runs),
        runs=tuple(result.run.path.name for result in row.runs),
        footnotes=footnotes.numbers(sentences),
    )


def _spread_sentence(seeds: int) -> str:
    brackets = "in brackets the 95% bootstrap interval over the test images, the gallery kept whole."
    if seeds == 1:
        return f"One seed; {brackets}"
    return f"Mean ± sample standard deviation over {seeds} seeds; {brackets}"


def _measured_cells(row: RowResult) -> tuple[Cell, ...]:
    intervals = bootstrap.intervals(row.ranks)
    cells = []
    for way in DIRECTIONS:
        for name in METRICS:
            values = [float(getattr(getattr(result.test, way), name)) for result in row.runs]
            std = statistics.stdev(values) if len(values) > 1 else None
            interval = getattr(intervals, way)[name]
            cells.append(Cell(statistics.fmean(values), std, interval.low, interval.high))
    return tuple(cells)


def _row_from_dict(values: dict) -> TableRow:
    lists = {name: tuple(values.pop(name)) for name in ("runs", "footnotes")}
    return TableRow(cells=tuple(Cell(**cell) for cell in values.pop("cells")), **lists, **values)
