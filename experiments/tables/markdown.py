"""Tables of results as Markdown that reads well raw too: the table, the intervals in a second one, the footnotes."""

import re
from collections.abc import Sequence

from experiments.tables import texts
from experiments.tables.table import DIRECTION_TITLES, METRIC_TITLES, ResultTable, TableRow
from experiments.tables.texts import CellText

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_COLUMNS = tuple(
    f"{direction.removesuffix(' retrieval')} {metric}" for direction in DIRECTION_TITLES for metric in METRIC_TITLES
)
_HEADER = ("system", *_COLUMNS)
_COSTS = ("time", "memory")


def to_markdown(table: ResultTable) -> str:
    """The table beneath its heading and notes, then our rows' intervals, the footnotes by number, what each row is."""
    lines = []
    header = (*_HEADER, *_COSTS) if texts.has_costs(table) else _HEADER
    for title, rows in texts.groups(table):
        lines.append([f"*{title}*", *[""] * (len(header) - 1)])
        for text in rows:
            line = [_label(text.row), *(_cell(cell) for cell in text.cells), text.time, text.memory]
            lines.append(line[: len(header)])
    parts = [f"# {escaped(table.title)}", escaped(" ".join(texts.notes(table))), aligned(header, lines)]
    intervals = [
        [in_cell(text.row.label + text.row.marks), *(cell.interval for cell in text.cells)]
        for text in texts.with_intervals(table)
    ]
    if intervals:
        parts += ["95% bootstrap intervals of the rows measured here:", aligned(_HEADER, intervals)]
    parts.append("\n".join(f"{number}. {escaped(note)}" for number, note in enumerate(table.footnotes, start=1)))
    parts.append("\n".join(f"- {escaped(f'{row.label}: {row.description}')}" for row in table.described_rows))
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(cell: CellText) -> str:
    value = f"**{cell.value}**" if cell.best else cell.value
    return f"{value} ± {cell.std}" if cell.std else value


def _label(row: TableRow) -> str:
    return " ".join(
        [in_cell(row.label + row.marks), *(str(number).translate(_SUPERSCRIPTS) for number in row.footnotes)]
    )


def aligned(header: Sequence[str], lines: Sequence[Sequence[str]], num_left: int = 1) -> str:
    """A table whose columns stand beneath each other as text, the first `num_left` to the left, others to the right."""
    widths = [max(len(line[place]) for line in [header, *lines]) for place in range(len(header))]
    sides = [str.ljust] * num_left + [str.rjust] * (len(header) - num_left)
    rule = [side(":" if side is str.rjust else "-", width, "-") for side, width in zip(sides, widths, strict=True)]
    return "\n".join(
        "| " + " | ".join(side(*cell) for side, *cell in zip(sides, line, widths, strict=True)) + " |"
        for line in [header, rule, *lines]
    )


def in_cell(text: str) -> str:
    """Text of a table's cell, which Markdown shows as it is."""
    return escaped(text).replace("|", r"\|")


def escaped(text: str) -> str:
    """Text that Markdown shows as it is; an underscore inside a word needs no backslash and reads better without."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"[\\`*\[\]~#]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)
