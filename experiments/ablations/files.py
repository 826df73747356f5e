"""An ablation as files of every format: the table of its rows, and beneath it each row less the baseline."""

import itertools
import os

import pandas as pd

from experiments.ablations import results, texts
from experiments.ablations.results import Ablations, Comparison
from experiments.ablations.texts import ComparisonText
from experiments.tables import csv, formats, html, latex, markdown, table

_TITLE = "Each row less the baseline, on test"

_FRAGMENT = """\
<figure class="results">
<div class="results-scroll" role="region" aria-labelledby="ablation-differences" tabindex="0">
<table class="results-table ablation-differences">
<caption id="ablation-differences">{{ title }}</caption>
<thead>
<tr>{% for column in columns %}<th scope="col">{{ column }}</th>{% endfor %}</tr>
</thead>
<tbody>
{% for row in rows %}
<tr><th scope="row">{{ row.plain[0] }} <span class="description">{{ row.plain[1] }}</span></th>
{%- for text in row.plain[2:] %}<td>{{ text }}</td>{% endfor %}
{%- for text in row.differences %}<td>
{%- if text.is_found %}<strong>{{ text.value }}</strong>{% else %}{{ text.value }}{% endif %}
{%- for small in text.small %} <span class="interval">{{ small }}</span>{% endfor %}</td>
{%- else %}<td colspan="{{ num_differences }}"></td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
</div>
<ul class="results-footnotes">
{% for note in notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
</figure>
"""

STYLE = """
.ablation-differences .description { display: block; font-size: .8em; max-width: 18rem; white-space: normal; }
.ablation-differences thead th:first-child { text-align: left; }
"""


def to_html(ablations: Ablations) -> str:
    """Two `<figure>`s, to be put into a page that has `html.STYLE` and `STYLE`, or its own.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    columns = ("row", *texts.COLUMNS[2:])
    differences = html.render(
        _FRAGMENT,
        title=_TITLE,
        columns=columns,
        rows=list(texts.rows(ablations)),
        num_differences=len(results.MEASURES),
        notes=ablations.notes,
    )
    return html.to_html(ablations.table) + differences


def to_page(ablations: Ablations) -> str:
    """A whole page that holds both tables and reads nothing else.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    return html.page(ablations.table.title, html.STYLE + STYLE, to_html(ablations))


def to_markdown(ablations: Ablations) -> str:
    """Both tables, the notes as a list."""
    width = len(results.MEASURES)
    lines = [
        [*map(markdown.in_cell, row.plain), *(map(str, row.differences) if row.differences else [""] * width)]
        for row in texts.rows(ablations)
    ]
    parts = [
        f"## {_TITLE}",
        markdown.aligned(texts.COLUMNS, lines, num_left=2),
        "\n".join(f"- {markdown.escaped(note)}" for note in ablations.notes),
    ]
    return markdown.to_markdown(ablations.table) + "\n" + "\n\n".join(parts) + "\n"


def to_latex(ablations: Ablations) -> str:
    """Two `table*` floats; the differences' intervals and p in small print."""
    columns = ("row", *texts.COLUMNS[2:])
    lines = [
        r"\begin{table*}",
        r"  \centering",
        rf"  \caption{{{_TITLE}}}",
        r"  \scriptsize",
        r"  \setlength{\tabcolsep}{3pt}",
        # Where the text is narrower, the table stands out on both sides alike.
        r"  \makebox[\linewidth][c]{%",
        rf"  \begin{{tabular}}{{l*{{{len(columns) - 1}}}{{r}}}}",
        r"    \toprule",
        f"    {' & '.join(columns)} \\\\",
        r"    \midrule",
        *(line for row in texts.rows(ablations) for line in _latex_row(row)),
        *latex.closing([latex.escaped(note) for note in ablations.notes]),
    ]
    return latex.to_latex(ablations.table) + "\n" + "\n".join(lines) + "\n"


def _latex_row(row: ComparisonText) -> list[str]:
    escaped = latex.escaped
    name, _, *scores = row.plain
    values = [_minus(text.value) for text in row.differences] or [""] * len(results.MEASURES)
    lines = [f"    {' & '.join(map(escaped, (name, *scores)))} & {' & '.join(values)} \\\\"]
    for small in itertools.zip_longest(*(text.small for text in row.differences), fillvalue=""):
        cells = [rf"{{\tiny {_minus(escaped(text))}}}" for text in small]
        lines.append(f"    {'& ' * (1 + len(scores))}{' & '.join(cells)} \\\\")
    return lines


def _minus(text: str) -> str:
    """LaTeX's hyphen is shorter than its minus."""
    return text.replace("-", r"\ensuremath{-}")


def to_csv(ablations: Ablations) -> str:
    """For programs, unrounded: a line a row of ours.

    Columns row, description, flags, `<validation|test>_sum_<mean|std>`, for each measure
    `<measure>_<estimate|low|high|p_value|corrected_p>` (empty for the baseline), then those of `csv.to_frame`.
    """
    frame = csv.to_frame(ablations.table)
    ours = frame[frame["kind"] == table.OURS].drop(columns=["kind"]).reset_index(drop=True)
    compared = pd.DataFrame([_csv_line(each) for each in ablations.comparisons])
    return pd.concat([compared, ours], axis=1).to_csv(index=False, lineterminator="\n")


def _csv_line(comparison: Comparison) -> dict:
    line = {"row": comparison.name, "description": comparison.description, "flags": " ".join(comparison.flags)}
    for name in ("validation_sum", "test_sum"):
        score = getattr(comparison, name)
        line.update({f"{name}_mean": score.mean, f"{name}_std": score.std})
    for measure in results.MEASURES:
        difference = comparison.differences.get(measure)
        for part in ("estimate", "low", "high", "p_value", "corrected_p"):
            line[f"{measure}_{part}"] = None if difference is None else getattr(difference, part)
    return line


_FORMATS = {
    ".md": to_markdown,
    ".csv": to_csv,
    ".tex": to_latex,
    ".html": to_page,
    ".json": Ablations.to_json,
}


def write_all(ablations: Ablations, path_without_ending: str | os.PathLike) -> None:
    """Writes `.md`, `.csv`, `.tex`, `.html` (a page of its own) and `.json`, which `Ablations.from_json` reads.

    Raises:
      ConfigError: the package jinja2 is missing; nothing is written.
    """
    formats.write_formats(ablations, _FORMATS, path_without_ending)
