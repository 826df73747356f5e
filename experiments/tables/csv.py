"""Tables of results as CSV, unrounded, one row a system: for programs."""

import dataclasses

import pandas as pd

from experiments.tables.table import OURS, Cell, ResultTable, TableRow

# As cmr/paper_tables.csv names its columns.
_WAYS = ("sentence", "image")
_METRICS = ("r1", "r5", "r10", "med_r", "mean_r")
_PARTS = tuple(field.name for field in dataclasses.fields(Cell))


def to_csv(table: ResultTable) -> str:
    """Columns system, kind, heading, features, description, stand_in, still_rising, seeds, runs, seconds,
    peak_memory_mb, the numbers, notes, footnotes.

    A number's column is `<sentence|image>_<r1|r5|r10|med_r|mean_r>_<part>`. The parts are mean, std, low, high and
    printed, empty where there is none. Runs are separated by spaces. The notes are the caption's, on the rows measured
    here.
    """
    return to_frame(table).to_csv(index=False, lineterminator="\n")


def to_frame(table: ResultTable) -> pd.DataFrame:
    """The columns of `to_csv`."""
    return pd.DataFrame([_line(table, row) for row in table.rows])


def _line(table: ResultTable, row: TableRow) -> dict:
    line = {
        "system": row.label,
        "kind": row.kind,
        "heading": row.heading,
        "features": row.features,
        "description": row.description,
        "stand_in": row.stand_in,
        "still_rising": row.still_rising,
        "seeds": row.seeds,
        "runs": " ".join(row.runs),
        "seconds": row.seconds,
        "peak_memory_mb": row.peak_memory_mb,
    }
    names = [f"{way}_{metric}" for way in _WAYS for metric in _METRICS]
    for name, cell in zip(names, row.cells, strict=True):
        line.update({f"{name}_{part}": getattr(cell, part) for part in _PARTS})
    return {
        **line,
        "notes": " ".join(table.notes) if row.kind == OURS else "",
        "footnotes": " ".join(table.footnotes[number - 1] for number in row.footnotes),
    }
