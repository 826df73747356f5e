"""What stands in the cells of a table of results, the same in every format: digits, spread, intervals, what is best."""

import dataclasses
import itertools

from experiments.tables.table import COLUMNS, OURS, RANDOM, ResultTable, TableRow

_COST_SENTENCE = (
    "Time and memory: of a run's own training and measuring, not of the features, captioner or runs that it reads, on "
    "the machine that did it, which others may have kept busy."
)


@dataclasses.dataclass(frozen=True)
class CellText:
    """A cell to print.

    Attributes:
      value: such as `23.1`.
      std: such as `0.4`; "" where there is none.
      interval: such as `[20.5, 25.8]`; "" where there is none.
      best: whether it is the best of our rows, by more than the intervals of it and of the next best allow for luck.
    """

    value: str
    std: str
    interval: str
    best: bool


@dataclasses.dataclass(frozen=True)
class RowText:
    """A row to print: the row itself, its cells' texts, and what a run of it cost, "" where it is not known."""

    row: TableRow
    cells: tuple[CellText, ...]

    @property
    def time(self) -> str:
        """Such as `56 s`, `12 min` or `2.5 h`."""
        seconds = self.row.seconds
        if seconds is None:
            return ""
        if seconds < 90:
            return f"{seconds:.0f} s"
        return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"

    @property
    def memory(self) -> str:
        """Such as `600 MB` or `1.3 GB`, of 2^20 and 2^30 bytes."""
        megabytes = self.row.peak_memory_mb
        if megabytes is None:
            return ""
        return f"{megabytes:.0f} MB" if megabytes < 1024 else f"{megabytes / 1024:.1f} GB"

    @property
    def has_intervals(self) -> bool:
        """Whether any of its cells has one."""
        return any(cell.interval for cell in self.cells)


def groups(table: ResultTable) -> list[tuple[str, list[RowText]]]:
    """The rows in the table's order, each heading with those that stand under it."""
    by_heading = itertools.groupby(row_texts(table), key=lambda text: text.row.heading)
    return [(heading, list(texts)) for heading, texts in by_heading]


def row_texts(table: ResultTable) -> list[RowText]:
    """The texts of every row, in the table's order."""
    best = [_best(table, column) for column in range(len(COLUMNS))]
    return [
        RowText(row, tuple(_text(row, column, best[column]) for column in range(len(row.cells)))) for row in table.rows
    ]


def with_intervals(table: ResultTable) -> list[RowText]:
    """The rows that have intervals."""
    return [text for text in row_texts(table) if text.has_intervals]


def notes(table: ResultTable) -> list[str]:
    """The sentences above a table that shows what runs cost."""
    return [*table.notes, *([_COST_SENTENCE] if has_costs(table) else [])]


def has_costs(table: ResultTable) -> bool:
    """Whether it is known of any row what a run of it cost."""
    return any(row.seconds is not None for row in table.rows)


def _text(row: TableRow, column: int, best: TableRow | None) -> CellText:
    cell = row.cells[column]
    value = _value(row, column)
    interval = "" if cell.low is None else f"[{_number(row, column, cell.low)}, {_number(row, column, cell.high)}]"
    std = "" if cell.std is None else f"{cell.std:.1f}"
    return CellText(value, std, interval, row is best)


def _value(row: TableRow, column: int) -> str:
    cell = row.cells[column]
    return cell.printed if cell.printed is not None else _number(row, column, cell.mean)


def _number(row: TableRow, column: int, number: float) -> str:
    if not _is_rank(column):
        # Two decimals of chance: with one, 0.05 and 0.14 would both read 0.1.
        return f"{number:.{2 if row.kind == RANDOM else 1}f}"
    # A median rank is whole; a mean of several need not be.
    is_whole = COLUMNS[column][1] == "median_rank" and row.seeds <= 1
    return f"{round(number, 1):g}" if is_whole else f"{number:.1f}"


def _best(table: ResultTable, column: int) -> TableRow | None:
    """The best of our rows where its interval and that of the next best part; None where they don't, or it is alone."""
    is_rank = _is_rank(column)
    rows = [row for row in table.rows if row.kind == OURS]
    ranked = sorted(rows, key=lambda row: row.cells[column].mean, reverse=not is_rank)
    if len(ranked) < 2:
        return None
    best, next_best = (row.cells[column] for row in ranked[:2])
    if best.low is None or next_best.low is None:
        return None
    parts = best.high < next_best.low if is_rank else best.low > next_best.high
    return ranked[0] if parts else None


def _is_rank(column: int) -> bool:
    return COLUMNS[column][1] in ("median_rank", "mean_rank")
