"""A table of results as files of every format."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import TypeVar

from cmr.workspace import atomic_files
from experiments.tables import csv, html, latex, markdown
from experiments.tables.table import ResultTable

Value = TypeVar("Value")

_FORMATS = {
    ".md": markdown.to_markdown,
    ".csv": csv.to_csv,
    ".tex": latex.to_latex,
    ".html": html.to_page,
    ".json": ResultTable.to_json,
}


def write_all(table: ResultTable, path_without_ending: str | os.PathLike) -> list[pathlib.Path]:
    """Writes `.md`, `.csv`, `.tex`, `.html` (a page of its own) and `.json`, which `ResultTable.from_json` reads.

    Args:
      table: the table.
      path_without_ending: such as `experiments/table1`.

    Returns:
      The files.

    Raises:
      ConfigError: the package jinja2 is missing; nothing is written.
    """
    return write_formats(table, _FORMATS, path_without_ending)


def write_formats(
    value: Value, formats: Mapping[str, Callable[[Value], str]], path_without_ending: str | os.PathLike
) -> list[pathlib.Path]:
    """Writes one thing in several formats; nothing is written where one of them fails.

    Args:
      value: what to write.
      formats: ending, such as `.md`, -> what makes the text.
      path_without_ending: as above.
    """
    path = pathlib.Path(path_without_ending)
    texts = {path.with_name(path.name + ending): write(value) for ending, write in formats.items()}
    for each, text in texts.items():
        atomic_files.write_text(each, text)
    return list(texts)
