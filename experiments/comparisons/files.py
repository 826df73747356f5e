"""Rows against a baseline as files of every format: their table, and beneath it each row less the baseline."""

import os
from typing import Any

import pandas as pd

from experiments.comparisons import texts
from experiments.comparisons.results import Comparison, Comparisons
from experiments.tables import csv, differences, formats, html, latex, markdown, table, templates

_TITLE = "Each row less the baseline, on test"


def to_html(compared: Comparisons) -> str:
    """Two `<figure>`s, to be put into a page that has table.css and differences.css, or its own style.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    less_baseline = templates.html("comparisons/differences.html.jinja", **_template_values(compared))
    return html.to_html(compared.table) + less_baseline


def to_page(compared: Comparisons) -> str:
    """A whole page that holds both tables and reads nothing else.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    values = {**html.template_values(compared.table), **_template_values(compared)}
    return templates.html("comparisons/page.html.jinja", **values)


def to_markdown(compared: Comparisons) -> str:
    """Both tables, the notes as a list."""
    width = len(differences.MEASURES)
    lines = [
        [
            *map(markdown.in_cell, (row.name, row.description, *row.scores)),
            *(map(str, row.differences) if row.differences else [""] * width),
        ]
        for row in texts.rows(compared)
    ]
    parts = [
        f"## {_TITLE}",
        markdown.aligned(texts.COLUMNS, lines, num_left=2),
        "\n".join(f"- {markdown.escaped(note)}" for note in compared.notes),
    ]
    return markdown.to_markdown(compared.table) + "\n" + "\n\n".join(parts) + "\n"


def to_latex(compared: Comparisons) -> str:
    """Two `table*` floats; the differences' intervals and p in small print.

    Raises:
      ConfigError: the package jinja2 is missing.
    """
    less_baseline = templates.latex("comparisons/differences.tex.jinja", **_template_values(compared))
    return latex.to_latex(compared.table) + "\n" + less_baseline


def _template_values(compared: Comparisons) -> dict[str, Any]:
    """What differences.html.jinja and differences.tex.jinja name. In them a description has no column of its own."""
    return {
        "title": _TITLE,
        "columns": [column for column in texts.COLUMNS if column != texts.DESCRIPTION],
        "rows": list(texts.rows(compared)),
        "num_differences": len(differences.MEASURES),
        "notes": compared.notes,
    }


def to_csv(compared: Comparisons) -> str:
    """For programs, unrounded: a line a row of ours.

    Columns row, description, flags, `<validation|test>_sum_<mean|std>`, for each measure
    `<measure>_<estimate|low|high|p_value|corrected_p>` (empty for the baseline), then those of `csv.to_frame`.
    """
    frame = csv.to_frame(compared.table)
    ours = frame[frame["kind"] == table.OURS].drop(columns=["kind", "description"]).reset_index(drop=True)
    less_baseline = pd.DataFrame([_csv_line(each) for each in compared.comparisons])
    return pd.concat([less_baseline, ours], axis=1).to_csv(index=False, lineterminator="\n")


def _csv_line(comparison: Comparison) -> dict:
    line = {"row": comparison.name, "description": comparison.description, "flags": " ".join(comparison.flags)}
    for name in ("validation_sum", "test_sum"):
        score = getattr(comparison, name)
        line.update({f"{name}_{part}": score and getattr(score, part) for part in ("mean", "std")})
    for measure in differences.MEASURES:
        difference = comparison.differences.get(measure)
        for part in ("estimate", "low", "high", "p_value", "corrected_p"):
            line[f"{measure}_{part}"] = None if difference is None else getattr(difference, part)
    return line


_FORMATS = {
    ".md": to_markdown,
    ".csv": to_csv,
    ".tex": to_latex,
    ".html": to_page,
    ".json": Comparisons.to_json,
}


def write_all(compared: Comparisons, path_without_ending: str | os.PathLike) -> None:
    """Writes `.md`, `.csv`, `.tex`, `.html` (a page of its own) and `.json`, which `Comparisons.from_json` reads.

    Raises:
      ConfigError: the package jinja2 is missing; nothing is written.
    """
    formats.write_formats(compared, _FORMATS, path_without_ending)
