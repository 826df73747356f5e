"""Captions in a table of text: a header, then a row a sentence, cells apart by commas, tabs, semicolons or bars."""

import csv
import io
import pathlib
import re
from collections.abc import Iterator

from cmr.errors import DataError
from cmr.workspace import names
from data_prep.datasets import text_files
from data_prep.datasets.custom import columns
from data_prep.datasets.custom.columns import Columns
from data_prep.datasets.custom.rows import CaptionRow, CaptionRows

# Excel's own first line, which says the separator.
_SEPARATOR_LINE = re.compile(r"\Asep=.\r?\n")
_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}


def read_table(path: pathlib.Path) -> CaptionRows:
    """Opens a table; its header decides what stands between the cells, and which column is what.

    Raises:
      DataError: the file is missing, not UTF-8, or its header names no image or no sentence. Reading the rows raises it
        too: a row has more or fewer cells than the header, or a quote is not closed.
    """
    text = _SEPARATOR_LINE.sub("", text_files.read_text(path), count=1)
    header = text_files.split_lines(text[:100_000])[0]
    by_delimiter = {delimiter: _cells(header, delimiter) for delimiter in _DELIMITERS}
    for delimiter, cells in by_delimiter.items():
        chosen = columns.choose(cells)
        if chosen is not None:
            layout = f"{path.name}, a {_DELIMITERS[delimiter]} between the cells: {chosen}"
            return CaptionRows(_rows(path, text, delimiter, chosen), layout)
    most = max(by_delimiter.values(), key=len)
    raise DataError(
        f"{path} has the columns {names.first_few(list(map(repr, most))) or '(none)'}; its first line must name "
        f"{columns.EXPECTED}, and may name a split"
    )


def _cells(header: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:
        return []


def _rows(path: pathlib.Path, text: str, delimiter: str, chosen: Columns) -> Iterator[CaptionRow]:
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t"
    )
    try:
        reader.fieldnames = [(name or "").strip() for name in reader.fieldnames or ()]
        for row in reader:
            if None in row or None in row.values():
                raise DataError(
                    f"{path}, line {reader.line_num} has not as many cells as the first line; put sentences with a "
                    f"{_DELIMITERS[delimiter]} into double quotes"
                )
            split = row[chosen.split] if chosen.split else ""
            yield CaptionRow(f"{path}, line {reader.line_num}", row[chosen.image], (row[chosen.sentence],), split)
    except csv.Error as error:
        place = f"{path}, after line {reader.line_num}"
        if "field limit" in str(error):
            raise DataError(
                f"{place}: a cell has more than {csv.field_size_limit():,} characters; close the double quote that "
                "opens it, or shorten the sentence"
            ) from error
        raise DataError(f"{place}: {names.visible(str(error))}; mend the quotes there") from error
