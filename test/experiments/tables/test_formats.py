"""Tables as Markdown, CSV, LaTeX and HTML: the same numbers in each, whatever characters the labels have."""

import dataclasses
import io
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import measured_rows
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr.errors import ConfigError
from experiments.tables import csv, formats, html, latex, markdown, templates
from experiments.tables.table import COLUMNS, OURS, PAPER, Cell, ResultTable, TableRow, build_table
from experiments.tables.texts import row_texts

DESCRIPTION = "One linear map, --margin=0.2."
NASTY = r"--a_b & 5% <b> $x$ #1 {y} ~ ^ \z | _u_ *s* [t] `c`"


def ours(label, *means, seeds=1, std=None, footnotes=()):
    """A row of ours: its means, the last one repeated."""
    means = [*means, *[means[-1]] * (len(COLUMNS) - len(means))]
    cells = tuple(Cell(float(mean), std, mean - 1.25, mean + 2.0) for mean in means)
    return TableRow(label, OURS, cells, "some features", seeds=seeds, runs=("run",), footnotes=footnotes)


def table_of(*rows):
    return ResultTable("A title", "scenes", rows, (), ())


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    rows = [
        measured_rows.row(folder, "vse", seeds=3),
        measured_rows.row(folder, "fusion", features=measured_rows.STAND_IN, highest=9),
    ]
    descriptions = {"vse": DESCRIPTION}
    return build_table("Table 2, Flickr30K", "flickr30k", measured_rows.RANDOM, rows, descriptions)


@pytest.fixture(scope="module")
def nasty():
    row = dataclasses.replace(ours(NASTY, 1.0, footnotes=(1,)), description=NASTY)
    return ResultTable(NASTY, "scenes", (row,), (NASTY,), (NASTY,))


def markdown_rows(text):
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def html_rows(fragment):
    """The cells' texts of every row of the body, footnote marks left out."""
    body = ET.fromstring(re.sub(r"<col>|<sup>.*?</sup>", "", fragment)).iter("tr")
    return [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in body]


@pytest.mark.parametrize(
    ("system", "place", "printed"),
    [("m-CNN_phs", 4, "4.5"), ("VSE", 1, "23.0"), ("DCCA", 8, "43.0"), ("DCCA", 10, "")],
)
def test_the_papers_numbers_are_printed_as_the_paper_prints_them(table, system, place, printed):
    in_markdown = [row for row in markdown_rows(markdown.to_markdown(table)) if row[0].split(" ")[0] == system]
    in_html = [row for row in html_rows(html.to_html(table)) if row[0] == system]
    in_latex = [
        line.strip().removesuffix(r"\\").split(" & ")
        for line in latex.to_latex(table).splitlines()
        if line.strip().startswith(system.replace("_", r"\_"))
    ]

    assert [[row[place].strip() for row in rows] for rows in (in_markdown, in_html, in_latex)] == 3 * [[printed]]


def test_the_random_row_has_two_decimals(table):
    assert [cell.value for cell in row_texts(table)[0].cells][5:] == ["2.50", "12.50", "25.00", "20", "20.5"]


def test_a_mean_over_seeds_has_one_decimal_and_one_seeds_median_is_whole():
    one = ours("one", 23.14, 23.14, 23.14, 5.0)
    three = ours("three", 23.16, 23.16, 23.16, 5.333, seeds=3, std=0.44)

    texts = [text.cells for text in row_texts(table_of(one, three))]

    assert [(cell.value, cell.std) for cell in texts[0][2:4]] == [("23.1", ""), ("5", "")]
    assert [(cell.value, cell.std) for cell in texts[1][2:4]] == [("23.2", "0.4"), ("5.3", "0.4")]
    # A mean rank of one seed has a decimal too.
    assert [text[4].value for text in texts] == ["5.0", "5.3"]
    assert texts[0][0].interval == "[21.9, 25.1]"


@pytest.mark.parametrize(
    ("seconds", "megabytes", "time", "memory"),
    [
        (4.2, 1331.2, "4 s", "1.3 GB"),
        (89.4, 699.7, "89 s", "700 MB"),
        (721, 2048, "12 min", "2.0 GB"),
        (9000, 99999, "2.5 h", "97.7 GB"),
    ],
)
def test_what_a_run_cost_stands_beside_its_numbers(seconds, megabytes, time, memory):
    known = dataclasses.replace(ours("known", 20.0), seconds=seconds, peak_memory_mb=megabytes)
    table = table_of(known, ours("unknown", 10.0))

    in_markdown = {row[0]: row for row in markdown_rows(markdown.to_markdown(table).partition("95%")[0])}
    assert [cell.strip() for cell in in_markdown["known"][-2:]] == [time, memory]
    assert not any(cell.strip(" |") for cell in in_markdown["unknown"][-2:])
    assert f"{time}, {memory}" in html.to_html(table)
    said = [each(table).count("Time and memory: ") for each in (markdown.to_markdown, html.to_html, latex.to_latex)]
    assert said == [1, 1, 0]
    assert csv.to_frame(table)["seconds"].tolist()[0] == seconds


def test_without_costs_there_are_no_columns_of_them(table):
    assert "memory" not in markdown.to_markdown(table)


def spans(*bounds):
    """A row of ours whose cells have these intervals, and means in their middle."""
    cells = [Cell((low + high) / 2, None, low, high) for low, high in bounds]
    return TableRow("row", OURS, (*cells, *[cells[-1]] * (len(COLUMNS) - len(cells))), seeds=1)


def bold(*rows):
    """Of each row, whether each of the first four cells, three recalls and a median rank, is bold."""
    return [[cell.best for cell in text.cells[:4]] for text in row_texts(table_of(*rows))]


def test_the_best_of_our_rows_is_bold_where_its_interval_and_the_next_ones_part():
    higher = spans((20, 24), (20, 24), (20, 24), (20, 24))
    lower = spans((10, 19.9), (10, 20), (19, 23), (10, 19.9))
    paper = TableRow("p", PAPER, len(COLUMNS) * (Cell(printed="99.9"),))

    assert bold(paper, higher, lower) == [4 * [False], [True, False, False, False], [False, False, False, True]]


def test_equals_are_not_bold():
    assert bold(ours("a", 20.0), ours("b", 20.0)) == 2 * [4 * [False]]


def test_the_row_to_compare_with_is_the_next_best_and_no_other():
    assert bold(spans((1, 2)), spans((20, 24)), spans((15, 19))) == [
        [False, False, False, True],
        [True, True, True, False],
        4 * [False],
    ]


@given(st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=2).map(sorted), min_size=2, max_size=4))
def test_what_is_bold_lies_outside_the_interval_of_the_next_best(bounds):
    texts = row_texts(table_of(*(spans(pair) for pair in bounds)))

    for column, low_is_good in ((0, False), (3, True), (4, True)):
        order = sorted(bounds, key=sum, reverse=not low_is_good)
        apart = order[0][1] < order[1][0] if low_is_good else order[0][0] > order[1][1]
        assert sum(text.cells[column].best for text in texts) == apart


def test_a_row_alone_is_not_called_the_best():
    (text,) = row_texts(table_of(ours("a", 20.0)))

    assert not any(cell.best for cell in text.cells)


def test_every_format_makes_the_best_bold():
    text = table_of(ours("a", 30.0), ours("b", 20.0))

    assert "**30.0**" in markdown.to_markdown(text)
    assert r"\textbf{30.0}" in latex.to_latex(text)
    assert '<strong class="best">30.0</strong>' in html.to_html(text)


def test_the_stand_in_mark_is_in_every_format(table):
    assert re.search(r"^\| fusion† ", markdown.to_markdown(table), re.MULTILINE)
    assert r"fusion\dag{}\textsuperscript" in latex.to_latex(table)
    assert '<th scope="row" class="stand-in">fusion†' in html.to_html(table)
    assert pd.read_csv(io.StringIO(csv.to_csv(table))).iloc[-1][["system", "stand_in"]].tolist() == ["fusion", True]


def test_a_row_that_was_still_rising_is_marked_in_every_format():
    text = table_of(dataclasses.replace(ours("vse", 20.0), still_rising=True, stand_in=True))

    assert re.search(r"^\| vse†↑ ", markdown.to_markdown(text), re.MULTILINE)
    assert r"vse\dag{}\ensuremath{\uparrow} &" in latex.to_latex(text)
    assert ">vse†↑</th>" in html.to_html(text)


def test_a_row_has_its_sentence_in_every_format(table):
    assert f"\n- vse: {DESCRIPTION}\n" in markdown.to_markdown(table)
    assert r"vse: One linear map, \mbox{-{}-}margin=0.2.\par" in latex.to_latex(table)
    assert f"vse {DESCRIPTION}" in [row[0] for row in html_rows(html.to_html(table))]
    assert DESCRIPTION in set(pd.read_csv(io.StringIO(csv.to_csv(table)))["description"])


def test_the_notes_of_all_rows_stand_above_the_table(table):
    notes = " ".join(table.notes)

    assert markdown.to_markdown(table).split("\n\n")[1] == notes
    assert f"<p>{notes}</p>\n</figcaption>" in html.to_html(table)
    assert r"\caption[{Flickr30K}]{Flickr30K. Measured on" in latex.to_latex(table)


def test_columns_of_markdown_stand_beneath_each_other(table):
    text = markdown.to_markdown(table)

    for block in text.split("\n\n"):
        if block.startswith("|"):
            bars = {
                tuple(place for place, character in enumerate(line) if character == "|") for line in block.split("\n")
            }
            assert len(bars) == 1


def test_intervals_have_a_markdown_table_of_their_own(table):
    last = markdown.to_markdown(table).split("\n\n")[4]

    assert [row[0].split(" ")[0] for row in markdown_rows(last)] == [
        "system",
        "-" * len(last.split(" | ")[0][2:]),
        "vse",
        "fusion†",
    ]
    assert all(re.fullmatch(r"\[[\d.]+, [\d.]+\]", cell) for row in markdown_rows(last)[2:] for cell in row[1:])


def test_markdown_shows_any_label_as_it_is(nasty):
    text = markdown.to_markdown(nasty)

    escaped = r"--a_b &amp; 5% &lt;b> $x$ \#1 {y} \~ ^ \\z | \_u\_ \*s\* \[t\] \`c\`"
    assert text.startswith(f"# {escaped}\n")
    assert f"1. {escaped}\n" in text
    assert f"| {escaped.replace('|', chr(92) + '|')} ¹ |" in text


def test_latex_escapes_any_label(nasty):
    text = latex.to_latex(nasty)

    assert (
        r"\mbox{-{}-}a\_b \& 5\% \textless{}b\textgreater{} \$x\$ \#1 \{y\} \textasciitilde{} \textasciicircum{} "
        r"\textbackslash{}z \textbar{} \_u\_ *s* {[}t] `c`"
    ) in text


def test_html_shows_any_label_as_it_is(nasty):
    tree = ET.fromstring(html.to_html(nasty).replace("<col>", ""))

    header = tree.find(".//tbody/tr/th[@scope='row']")
    shown = [tree.find(".//figcaption/strong"), tree.find(".//figcaption/p"), tree.find(".//li"), header.find("span")]
    assert ["".join(element.itertext()) for element in shown] == 4 * [NASTY]
    assert "".join(header.itertext()).startswith(NASTY)


def test_a_long_name_may_break_behind_its_underscores_where_the_column_is_narrow():
    assert ">negatives_<wbr/>of_<wbr/>batch</th>" in html.to_html(table_of(ours("negatives_of_batch", 1.0)))


def test_latex_counts_its_tables_itself(table):
    assert r"\caption[{Flickr30K}]{Flickr30K. " in latex.to_latex(table)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_and_nothing_is_wider_than_the_text(table, nasty, tmp_path):
    wide = table_of(ours("best single model (negatives_hardest_images_of_any_length)", 100.0, std=10.5))
    body = "".join(map(latex.to_latex, (table, nasty, wide)))
    document = rf"\documentclass{{article}}\usepackage{{booktabs,graphicx}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")

    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "table.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
    )

    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def test_html_links_each_footnote_and_each_is_linked(table):
    tree = ET.fromstring(html.to_html(table).replace("<col>", ""))

    anchors = [item.get("id") for item in tree.iter("li")]
    links = [link.get("href").removeprefix("#") for link in tree.iter("a")]

    assert anchors == [f"table-2-flickr30k-note-{number}" for number in range(1, len(table.footnotes) + 1)]
    assert set(links) == set(anchors)


def test_html_headers_say_what_they_head(table):
    tree = ET.fromstring(html.to_html(table).replace("<col>", ""))

    assert {header.get("scope") for header in tree.iter("th")} == {"col", "colgroup", "row", "rowgroup"}
    assert "style" not in {name for element in tree.iter() for name in element.attrib}


def test_csv_keeps_numbers_unrounded_and_printed_ones_as_text(table):
    frame = pd.read_csv(io.StringIO(csv.to_csv(table)), dtype=str, keep_default_na=False).set_index("system")

    assert frame.loc["m-CNN_phs", "sentence_med_r_printed"] == "4.5"
    assert frame.loc["VSE", "sentence_r1_printed"] == "23.0"
    assert frame.loc["VSE", "sentence_r1_mean"] == ""
    ours = table.rows[-1].cells[5]
    names = [f"image_r1_{part}" for part in ("mean", "std", "low", "high")]
    assert frame.loc["fusion", names].astype(float).tolist() == [ours.mean, ours.std, ours.low, ours.high]
    assert frame.loc["fusion", "runs"] == "fusion-seed0 fusion-seed1"


def test_all_files_are_written_and_the_json_comes_back(table, tmp_path):
    paths = formats.write_all(table, tmp_path / "made" / "table2.1k")

    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == sorted(path.name for path in paths)
    assert [path.name for path in paths] == [f"table2.1k.{ending}" for ending in ("md", "csv", "tex", "html", "json")]
    assert ResultTable.from_json(paths[-1].read_text(encoding="utf-8")) == table
    page = paths[3].read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert html.to_html(table) in page


def test_without_jinja2_the_mend_is_named_and_nothing_is_written(table, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    templates._environment.cache_clear()

    with pytest.raises(ConfigError, match=r"pip install 'cmr\[report\]'"):
        formats.write_all(table, tmp_path / "table2")

    assert not list(tmp_path.iterdir())
