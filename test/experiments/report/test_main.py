"""The report's command on a tiny workspace with a trained run: one page, whatever there is."""

import datetime
import io
import os
import re
import sys

import fabricated_sweeps
import keras
import pandas as pd
import pytest
import tiny_runs
from html_pages import ParsedPage

from cmr.workspace import atomic_files
from experiments.margin_sweep.points import Point, Sweep
from experiments.report import __main__ as report
from experiments.report import contents
from experiments.report.page import render_page
from experiments.tables.table import build_table
from experiments.trainings import results

TODAY = datetime.date(2026, 1, 2)
TABLE = "scenes.json"


def call(workspace, *arguments):
    return tiny_runs.run_main(
        report.main,
        *tiny_runs.place(workspace),
        *arguments,
        doc=report.__doc__,
        groups=report.GROUPS,
        uses_tensorflow=True,
    )


@pytest.fixture
def run(scenes_workspace):
    return tiny_runs.trained_run(scenes_workspace, "vse")[0]


@pytest.fixture
def workspace(scenes_workspace, run):
    """The shared workspace with a table of one run; what the experiments wrote is gone afterwards."""
    row = results.read_row("vse", [run])
    table = build_table("The scenes", "scenes", row.runs[0].random_ranking, [row])
    atomic_files.write_text(scenes_workspace.experiments_dir / TABLE, table.to_json())
    yield scenes_workspace
    for path in scenes_workspace.experiments_dir.iterdir():
        path.unlink()


@pytest.fixture
def written(workspace):
    ended = call(workspace)
    assert (ended.returncode, ended.stderr) == (0, "")
    text = (workspace.experiments_dir / "report.html").read_text(encoding="utf-8")
    return ended, text, ParsedPage(text)


def test_it_holds_the_table_the_curves_the_examples_and_the_flags(written, run):
    _, text, page = written

    assert "The scenes" in page.text
    assert len([src for src in page.attributes("src") if src.startswith("data:image/svg")]) >= 3
    assert (
        "It is the first run of the row with the best validation sum of recalls, of those whose weights are here."
        in page.text
    )
    assert page.text.count("Best correct sentence: rank") == 12
    assert run.path.name in page.text
    assert "--model=vse" in page.text
    assert len(text) < 1_000_000


def test_it_is_whole_without_any_other_file(written):
    _, _, page = written

    assert all(src.startswith("data:") for src in page.attributes("src"))
    anchors = page.attributes("id")
    assert len(anchors) == len(set(anchors))
    assert {href.removeprefix("#") for href in page.attributes("href")} <= set(anchors)


def test_what_is_absent_is_named_with_its_command(written, workspace):
    ended, _, page = written

    for command in (
        "experiments.ensemble --dataset=scenes",
        "experiments.ablations --row=scenes/fusion",
        "experiments.margin_sweep --row=scenes/fusion",
    ):
        assert f"python -m {command} --workspace_dir={workspace.root}" in page.text
        assert f"python -m {command}" in ended.stdout
    assert "experiments.reproduce" not in page.text


def test_every_correct_sentence_is_one_of_the_image(written, workspace):
    _, text, _ = written
    captions = pd.read_csv(workspace.captions_csv, dtype=str)
    articles = re.findall(r'<article class="example image-query">.*?</article>', text, re.S)

    assert len(articles) == 12
    for article in articles:
        image_id = re.search(r"<figcaption>(.*?)</figcaption>", article)[1]
        own = set(captions[captions["image_id"] == image_id]["caption"])
        for item in re.findall(r"<li.*?</li>", article.partition('<div class="own">')[0], re.S):
            sentence = re.search(r"<span>([^<]*)</span></li>", item)[1]
            # Other images may have the very same words, which are not correct for this one.
            assert 'class="correct"' not in item or sentence in own


def test_a_seed_is_a_page(workspace):
    pages = []
    for seed in (3, 3, 4):
        # Keras numbers the layers of a process on.
        keras.backend.clear_session()
        pages.append(render_page(contents.gather(workspace, "", [], seed, TODAY)))

    assert pages[0] == pages[1]
    assert pages[0] != pages[2]


@pytest.mark.parametrize(("columns", "encoding"), [("40", "ascii"), ("300", "utf-8")])
def test_the_page_is_the_same_in_any_terminal(workspace, monkeypatch, columns, encoding):
    keras.backend.clear_session()
    expected = contents.gather(workspace, "", [], 0, TODAY).model.summary
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    keras.backend.clear_session()

    summary = contents.gather(workspace, "", [], 0, TODAY).model.summary

    assert summary == expected
    assert max(map(len, summary.splitlines())) == 100
    assert os.environ["COLUMNS"] == columns


def test_without_a_table_a_run_is_asked_for(workspace):
    (workspace.experiments_dir / TABLE).unlink()

    page = contents.gather(workspace, "", [], 0, TODAY)

    assert page.retrieval is None
    assert [part.command.partition(" --")[0] for part in page.absent] == [
        "python -m experiments.reproduce",
        "python -m experiments.claims",
        "python -m experiments.ensemble",
        "python -m experiments.ablations",
        "python -m experiments.margin_sweep",
        "python -m experiments.report",
    ]
    assert ParsedPage(render_page(page))


def test_a_run_may_be_named(workspace, run):
    (workspace.experiments_dir / TABLE).unlink()

    page = contents.gather(workspace, run.path.name, ["test3.png"], 0, TODAY)

    assert page.retrieval.why == "It was named by --run."
    assert [query.image_id for query in page.retrieval.groups[0].images] == ["test3.png"]


def test_the_sweep_is_a_plot_with_its_findings(workspace, run):
    point = fabricated_sweeps.point(0.2, 30.0, 20.0)
    sweep = Sweep("scenes/fusion", (), "scenes", (Point(point.setting, run.path.name, 1, point.validation),))
    atomic_files.write_text(workspace.experiments_dir / "margin_sweep.json", sweep.to_json())

    page = contents.gather(workspace, "", [], 0, TODAY)

    assert page.margin.src.startswith("data:image/svg+xml")
    assert any("Chosen: margin 0.2" in sentence for sentence in page.margin.findings)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--run=nothing"], "nothing holds no run (config.json is missing)"),
        (["--run=../elsewhere"], "the name of one folder is letters"),
        (["--chosen_images=nobody.png"], "--chosen_images names nobody.png, which is no image of the test split"),
        (["--seed=-1"], "seed"),
    ],
)
def test_a_flag_that_cannot_work_is_one_line(workspace, arguments, sentence):
    ended = call(workspace, *arguments)

    assert (ended.returncode, ended.stdout.partition("examples of")[0]) == (1, "")
    assert re.fullmatch(r"error: .*\n", ended.stderr)
    assert sentence in ended.stderr
    assert not (workspace.experiments_dir / "report.html").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"rows": []}'])
@pytest.mark.parametrize("name", [TABLE, "claims.json", "beyond.json", "ablations.json", "margin_sweep.json"])
def test_a_damaged_part_is_one_line(workspace, name, text):
    (workspace.experiments_dir / name).write_text(text)

    ended = call(workspace)

    assert ended.returncode == 1
    assert re.fullmatch(
        rf"error: .*{name} is damaged or of another version; write it again with python .*\n", ended.stderr
    )


def test_a_run_that_is_gone_is_one_line(workspace):
    path = workspace.experiments_dir / TABLE
    path.write_text(re.sub(r'"vse-[0-9a-f]{8}"', '"vse-gone"', path.read_text()))

    ended = call(workspace)

    assert ended.returncode == 1
    assert re.fullmatch(
        r"error: .*vse-gone holds no run; where one was removed, write again what names it\n", ended.stderr
    )
