"""An ablation in every format: the same numbers, and words only for what was measured."""

import io
import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from experiments.comparisons import files
from experiments.comparisons.results import Comparison, Comparisons, SumOverSeeds
from experiments.tables import table
from experiments.tables.differences import MEASURES, Difference
from experiments.tables.table import Cell, ResultTable, TableRow

NASTY = r"a_b & 5% <b> $x$ #1 {y} | `c`"


def difference(estimate, low, high, corrected_p=0.5):
    return Difference(estimate, low, high, 0.0125, corrected_p)


def comparison(name, description, std=None, differences=()):
    score = SumOverSeeds(100.25, std)
    test = SumOverSeeds(90.06, std)
    by_measure = dict(zip(MEASURES, differences, strict=bool(differences)))
    flags = ("--margin=0.2",) if differences else ()
    return Comparison(name, description, flags, score, test, by_measure)


def table_row(label, kind=table.OURS):
    return TableRow(label, kind, (Cell(1.5),) * len(table.COLUMNS), seeds=1)


@pytest.fixture
def ablations():
    differences = [difference(-3.24, -5.0, -1.26, 0.025), difference(0.04, -1.0, 1.0), difference(-0.04, -1.0, 1.0)]
    return Comparisons(
        ResultTable(
            "Ablations of fusion: scenes",
            "scenes",
            (table_row("Random", table.RANDOM), table_row("fusion"), table_row("margin_02")),
            ("All rows are measured.",),
            (),
        ),
        (comparison("fusion", "The baseline."), comparison("margin_02", NASTY, 1.04, differences)),
        ("gru is left out.",),
    )


def markdown_rows(text):
    after = text.partition("## ")[2]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in after.splitlines() if line[:1] == "|"]


def test_markdown_has_both_tables_and_the_notes(ablations):
    text = files.to_markdown(ablations)

    assert text.startswith("# Ablations of fusion: scenes\n")
    assert markdown_rows(text)[0][:4] == ["row", "what it changes", "validation sum", "test sum"]
    assert text.endswith("- gru is left out.\n")


def test_the_baseline_has_scores_alone(ablations):
    assert markdown_rows(files.to_markdown(ablations))[2] == [
        "fusion",
        "The baseline.",
        "100.2",
        "90.1",
        "",
        "",
        "",
    ]


def test_a_difference_has_its_interval_and_both_p_values(ablations):
    cells = markdown_rows(files.to_markdown(ablations))[3]

    assert cells[3:5] == ["90.1 ± 1.0", "-3.2 [-5.0, -1.3], p 0.0125 (Holm 0.0250)"]


def test_where_the_interval_contains_zero_no_difference_was_found(ablations):
    cells = markdown_rows(files.to_markdown(ablations))[3]

    assert cells[5].startswith("+0.0 [-1.0, +1.0], no difference found, p")


def test_nothing_is_minus_zero(ablations):
    assert "-0.0" not in files.to_markdown(ablations)


def test_the_html_fragment_is_well_formed_and_has_the_same_numbers(ablations):
    fragment = files.to_html(ablations)

    parsed = ET.fromstring(f"<div>{re.sub('<col>', '', fragment)}</div>")
    cells = [" ".join("".join(cell.itertext()).split()) for cell in list(parsed.iter("tr"))[-1]]
    assert cells == [
        f"margin_02 {NASTY}",
        "100.2 ± 1.0",
        "90.1 ± 1.0",
        "-3.2 [-5.0, -1.3] p 0.0125 (Holm 0.0250)",
        "+0.0 [-1.0, +1.0] no difference found p 0.0125 (Holm 0.5000)",
        "+0.0 [-1.0, +1.0] no difference found p 0.0125 (Holm 0.5000)",
    ]


def test_the_page_reads_nothing_else(ablations):
    page = files.to_page(ablations)

    assert ".results-table {" in page
    assert ".baseline-differences " in page
    assert not re.search(r"src=|<link|@import|url\(", page)


def test_latex_shows_every_character_as_it_is(ablations):
    text = files.to_latex(ablations)

    assert text.count(r"\begin{table*}") == text.count(r"\end{table*}") == 2
    assert r"margin\_02 & 100.2 \ensuremath{\pm} 1.0 & 90.1 \ensuremath{\pm} 1.0 & \ensuremath{-}3.2 & +0.0" in text
    assert r"{\tiny {[}\ensuremath{-}5.0, \ensuremath{-}1.3]}" in text


def test_csv_is_unrounded_with_a_line_a_row_of_ours(ablations):
    frame = pd.read_csv(io.StringIO(files.to_csv(ablations)))

    assert list(frame["row"]) == ["fusion", "margin_02"]
    assert list(frame["system"]) == ["fusion", "margin_02"]
    assert frame["sum_of_recalls_low"].isna().tolist() == [True, False]
    assert frame.loc[1, ["sum_of_recalls_estimate", "sum_of_recalls_corrected_p"]].tolist() == [-3.24, 0.025]
    assert frame.loc[1, ["validation_sum_mean", "sentence_r1_mean"]].tolist() == [100.25, 1.5]


def test_all_formats_are_written_and_json_reads_back(ablations, tmp_path):
    files.write_all(ablations, tmp_path / "experiments" / "ablations")

    written = {path.suffix for path in (tmp_path / "experiments").iterdir()}
    assert written == {".md", ".csv", ".tex", ".html", ".json"}
    text = (tmp_path / "experiments" / "ablations.json").read_text(encoding="utf-8")
    assert Comparisons.from_json(text) == ablations
