r"""Tables of results as LaTeX: a float that needs the package booktabs alone, intervals in small print beneath a row.

\usepackage{booktabs}
...
\input{table1.tex}
"""

import re
from collections.abc import Sequence

from experiments.tables import texts
from experiments.tables.table import DIRECTION_TITLES, DIRECTIONS, METRIC_TITLES, METRICS, STAND_IN_MARK, ResultTable
from experiments.tables.texts import CellText, RowText

_COLUMNS = len(DIRECTIONS) * len(METRICS)
_METRIC_COUNT = len(METRICS)

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
        # At the start of a line it would be the optional argument of the line break before it.
        "[": "{[}",
        STAND_IN_MARK: r"\dag{}",
        "±": r"\ensuremath{\pm}",
    }
)


def to_latex(table: ResultTable) -> str:
    """A `table*` float with caption, groups of rows and footnotes.

    A number of its own that the title begins with (`Table 1: `) is left out, since LaTeX counts by itself. Where the
    text is narrower than the table, the table stands out on both sides alike.
    """
    caption = re.sub(r"^Table \w+[:.,] *", "", table.title)
    lines = [
        "% Needs \\usepackage{booktabs}.",
        r"\begin{table*}",
        r"  \centering",
        rf"  \caption{{{escaped(caption)}}}",
        r"  \scriptsize",
        r"  \setlength{\tabcolsep}{2pt}",
        r"  \makebox[\linewidth][c]{%",
        rf"  \begin{{tabular}}{{l*{{{_COLUMNS}}}{{r}}}}",
        r"    \toprule",
        *_header(),
    ]
    for title, rows in texts.groups(table):
        lines += [r"    \midrule", rf"    \multicolumn{{{_COLUMNS + 1}}}{{l}}{{\textit{{{title}}}}} \\"]
        for text in rows:
            lines += _row(text)
    notes = [rf"\textsuperscript{{{n}}}~{escaped(note)}" for n, note in enumerate(table.footnotes, start=1)]
    lines += closing(notes)
    return "\n".join(lines) + "\n"


def closing(notes: Sequence[str]) -> list[str]:
    """The lines behind a table's last row: its end, and the notes (LaTeX already) beneath it."""
    return [
        r"    \bottomrule",
        r"  \end{tabular}}",
        r"  \par\smallskip",
        r"  \begin{minipage}{\linewidth}",
        r"    \scriptsize\raggedright",
        *(rf"    {note}\par" for note in notes),
        r"  \end{minipage}",
        r"\end{table*}",
    ]


def _header() -> list[str]:
    spans, rules, metrics = [], [], []
    for number, title in enumerate(DIRECTION_TITLES):
        first = 2 + number * _METRIC_COUNT
        spans.append(rf"\multicolumn{{{_METRIC_COUNT}}}{{c}}{{{title}}}")
        rules.append(rf"\cmidrule(lr){{{first}-{first + _METRIC_COUNT - 1}}}")
        metrics += METRIC_TITLES
    return [
        f"    & {' & '.join(spans)} \\\\",
        f"    {' '.join(rules)}",
        f"    system & {' & '.join(metrics)} \\\\",
    ]


def _row(text: RowText) -> list[str]:
    marks = ",".join(map(str, text.row.footnotes))
    label = escaped(text.row.label) + (rf"\textsuperscript{{{marks}}}" if marks else "")
    lines = [f"    {label} & {' & '.join(_cell(cell) for cell in text.cells)} \\\\"]
    if any(cell.interval for cell in text.cells):
        intervals = " & ".join(rf"{{\tiny {escaped(cell.interval)}}}" for cell in text.cells)
        lines.append(f"    & {intervals} \\\\")
    return lines


def _cell(cell: CellText) -> str:
    value = rf"\textbf{{{escaped(cell.value)}}}" if cell.best else escaped(cell.value)
    return rf"{value}{{\tiny$\pm${cell.std}}}" if cell.std else value


def escaped(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return text.translate(_ESCAPES)
