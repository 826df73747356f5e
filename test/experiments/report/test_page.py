"""The page of the report: whole, self-contained, escaped, the correct candidates marked."""

import html
import pathlib
import re

import keras
import markupsafe
import pytest
from html_pages import ParsedPage
from PIL import Image

from experiments.report.examples import (
    Group,
    ImageQuery,
    OwnSentence,
    RetrievedPicture,
    RetrievedSentence,
    SentenceQuery,
)
from experiments.report.page import Model, Page, Retrieval, RunFacts, render_page
from experiments.report.parts import Absent
from experiments.report.pictures import diagram, photograph

HARMFUL = 'A <script>dog</script> & "cat" <b>'


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (400, 300), "red").save(path)
    return path


def image_query(path, correct=(False, True, False, False, True), text="A dog."):
    retrieved = tuple(RetrievedSentence(f"{text} {n}", 0.5 - n / 10, each) for n, each in enumerate(correct))
    own = (OwnSentence(text, 3), OwnSentence("A hound.", 1234))
    return ImageQuery("image<1>.jpg", path, 2, 5000, retrieved, own)


def sentence_query(path, correct=(False, False, True, False, False), text="A dog.", rank=3):
    retrieved = tuple(RetrievedPicture(f"{n}.jpg", path, 0.5, each) for n, each in enumerate(correct))
    return SentenceQuery(text, "own.jpg", path, rank, 1000, retrieved)


def page(images=(), sentences=(), **changes):
    groups = [Group("Some", "Picked <somehow>.", images, sentences)]
    values = {
        "title": "A report",
        "dataset_title": "Flickr8K",
        "is_of_paper": True,
        "made_on": "2026-01-02",
        "git_commit": "1a2b3c",
        "features": {"VGG features vgg16-pool5_avg: stands in for VGG16 fc7": ["vse†"]},
        "retrieval": Retrieval("vse-seed0", "vse†", "Why.", "What.", groups),
        "model": Model(None, "Layer <1>"),
        **changes,
    }
    return render_page(Page(**values))


def test_correct_sentences_are_marked_where_they_are_and_nowhere_else(picture):
    text = page(images=(image_query(picture),))
    lines = [line for line in text.split("<li") if 'class="cosine"' in line]

    assert ['class="correct"' in line for line in lines] == [False, True, False, False, True]
    assert ["✓" in line for line in lines] == [False, True, False, False, True]


def test_the_correct_picture_is_marked_and_not_shown_again(picture):
    parsed = ParsedPage(page(sentences=(sentence_query(picture),)))

    assert parsed.of_class("correct") == ["li"]
    assert parsed.text.count("✓ 3.") == 1
    assert parsed.of_class("wanted") == []


def test_a_picture_that_is_not_among_the_first_is_shown_with_its_rank(picture):
    parsed = ParsedPage(page(sentences=(sentence_query(picture, (False,) * 5, rank=1234),)))

    assert parsed.of_class("correct") == []
    assert parsed.of_class("wanted") == ["li"]
    assert "Its own picture, rank 1,234" in parsed.text


def test_sentences_ids_and_summaries_are_escaped(picture):
    queries = {"images": (image_query(picture, text=HARMFUL),), "sentences": (sentence_query(picture, text=HARMFUL),)}

    text = page(**queries)

    assert "<script" not in text
    assert "<b>" not in text
    assert ParsedPage(text).text.count(HARMFUL) == 7
    assert "image<1>.jpg" in ParsedPage(text).text
    assert "Layer <1>" in ParsedPage(text).text


def test_it_reads_nothing_from_elsewhere(picture):
    parsed = ParsedPage(page(images=(image_query(picture),), sentences=(sentence_query(picture),)))

    assert {src.partition(",")[0] for src in parsed.attributes("src")} == {"data:image/jpeg;base64"}
    assert all(href.startswith("#") for href in parsed.attributes("href"))
    assert not {tag for tag, _ in parsed.elements} & {"script", "link", "iframe"}


def test_every_picture_says_what_it_is(picture):
    parsed = ParsedPage(page(images=(image_query(picture),), sentences=(sentence_query(picture),)))

    pictures = [values for tag, values in parsed.elements if tag == "img"]
    assert len(pictures) == 6
    assert all(values["alt"] for values in pictures)


def test_a_picture_that_is_gone_is_said_to_be():
    parsed = ParsedPage(page(images=(image_query(pathlib.Path("gone.jpg")),)))

    assert parsed.of_class("no-picture") == ["div"]
    assert "picture not found" in parsed.text


def test_what_there_is_stands_in_the_contents_and_nothing_else():
    absent = [Absent("The ablations", "python -m experiments.ablations")]

    parsed = ParsedPage(page(retrieval=None, model=None, table=markupsafe.Markup("<p>numbers</p>"), absent=absent))

    assert parsed.attributes("href") == ["#table", "#absent", "#contents", "#contents"]
    assert parsed.attributes("id") == ["contents", "table", "absent"]
    assert "python -m experiments.ablations" in parsed.text


def test_a_data_set_that_the_paper_lacks_has_no_paper_in_its_headings():
    table = markupsafe.Markup("<p>numbers</p>")

    parts = {"table": table, "beyond": table, "retrieval": None, "model": None}
    of_paper, own = (page(is_of_paper=answer, **parts) for answer in (True, False))

    assert [re.findall(r"<h2>(.*?) <a", html.unescape(text)) for text in (of_paper, own)] == [
        ["The paper's table", "Beyond the paper"],
        ["The table", "Our best models"],
    ]
    assert "beside what the paper printed" in ParsedPage(of_paper).text.replace("\n", " ")
    assert "of which the paper has no numbers" in ParsedPage(own).text


def test_no_line_ends_within_the_name_of_a_flag(picture):
    command = "python -m experiments.ablations --baseline=scenes/fusion --workspace_dir=a--b"
    retrieval = Retrieval("vse-seed0", "vse", "It was named by --run.", "What.", [])

    text = page(retrieval=retrieval, absent=[Absent("The ablations", command)])

    assert re.findall(r'<span class="flag">(.*?)</span>', text) == ["--run", "--baseline=", "--workspace_dir="]
    assert ".flag { white-space: nowrap; }" in text
    # Whoever copies the command gets the command.
    assert command in ParsedPage(text).text


def test_an_ensemble_names_its_runs_and_a_run_its_flags_and_versions():
    runs = [
        RunFacts("vse-seed0", "vse", "seed 0", ["--margin=0.2"], {"keras": "3.9"}),
        RunFacts("ensemble-1", "ensemble of 2", "validation", members=["vse-seed0", "single-seed1"]),
    ]

    parsed = ParsedPage(page(runs=runs))

    assert [tag for tag, _ in parsed.elements].count("details") == 2
    for text in ("--margin=0.2", "keras 3.9", "Made of vse-seed0, single-seed1."):
        assert text in parsed.text


def test_it_says_what_the_features_stand_in_for():
    assert "stands in for VGG16 fc7 (vse†)" in ParsedPage(page()).text


def test_without_graphviz_the_model_is_a_summary(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert diagram(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])) is None


def test_a_photograph_is_reduced_and_never_enlarged(picture):
    assert (photograph(picture, 200).width, photograph(picture, 200).height) == (200, 150)
    assert photograph(picture, 900).width == 400
