"""Names of the paper's tables: which file holds which rows and overlays, and which one is shown."""

import os

import pytest

from experiments.tables import paper
from experiments.tables.table import OURS, PAPER, STAND_IN_MARK, Cell, ResultTable, TableRow
from experiments.trainings.training import FLAGFILES


def write(folder, stem, rows=paper.ROWS, time=0):
    of_paper = TableRow("VSE", PAPER, (Cell(printed="1"),))
    ours = tuple(TableRow(name + STAND_IN_MARK, OURS, (Cell(1.0),)) for name in rows)
    path = folder / f"{stem}.json"
    path.write_text(ResultTable(stem, "flickr8k", (of_paper, *ours), ()).to_json())
    os.utime(path, (time, time))


@pytest.mark.parametrize(
    ("rows", "overlays", "stem"),
    [
        (paper.ROWS, (), "table1"),
        (paper.ROWS, ("stand_ins", "laptop"), "table1-stand_ins-laptop"),
        (("fusion", "mine"), (), "table1-fusion-mine"),
        (("fusion", "mine"), ("laptop",), "table1-fusion-mine-laptop"),
    ],
)
def test_a_table_is_named_by_its_number_other_rows_and_overlays(rows, overlays, stem):
    assert paper.file_stem("1", rows, overlays) == stem


def test_the_table_without_overlays_is_shown_where_it_is_there(tmp_path):
    write(tmp_path, "table1", time=1)
    write(tmp_path, "table1-laptop", time=2)

    assert paper.table_json(tmp_path, "1").name == "table1.json"


def test_else_the_newest_one_of_all_rows_is_shown(tmp_path):
    write(tmp_path, "table1-stand_ins", time=1)
    write(tmp_path, "table1-laptop", time=2)
    write(tmp_path, "table1-best_single", ["best_single"], time=3)
    write(tmp_path, "table2-laptop", time=4)
    (tmp_path / "table1-damaged.json").write_text("{")

    assert paper.table_json(tmp_path, "1").name == "table1-laptop.json"


def test_without_any_the_one_without_overlays_is_what_is_missing(tmp_path):
    assert paper.table_json(tmp_path, "1").name == "table1.json"


def test_overlays_are_told_with_what_they_set():
    told = paper.overlays_sentence([FLAGFILES / "stand_ins.flags", FLAGFILES / "quick.flags"])

    assert "stand_ins (--image_model=efficientnet_lite2 --vgg_layer=pool5_avg --vgg_model=vgg16); quick (" in told
    assert paper.overlays_sentence([]) == ""
