"""The printed table: the paper's numbers as printed, aligned columns, honest notes."""

import re

import pytest
from commands import ROOT

from cmr.evaluation import metrics, results_table
from cmr.evaluation.bootstrap import Interval, OfMetrics
from cmr.evaluation.metrics import BothDirections, RetrievalMetrics
from cmr.evaluation.results_table import PaperRow, SplitCounts

PAPER_TABLES_MD = ROOT.parent / "shared" / "design" / "paper_tables.md"
SENTENCE_ENDS = ((19.3, 24.5), (47.2, 53.3), (61.5, 67.46), (5, 6), (29.0, 37.9))
IMAGE_ENDS = ((12.7, 15.0), (35.9, 39.2), (50.3, 100.0), (9, 11), (1100.0, 1300.0))
DATASETS = ("flickr8k", "flickr30k", "mscoco")


def measured():
    return BothDirections(
        RetrievalMetrics(21.84, 50.25, 64.5, 5, 33.21, 1000),
        RetrievalMetrics(13.8, 37.5, 52.2, 10, 1234.56, 5000),
    )


def intervals():
    return OfMetrics(
        dict(zip(metrics.METRICS, (Interval(*ends) for ends in SENTENCE_ENDS), strict=True)),
        dict(zip(metrics.METRICS, (Interval(*ends) for ends in IMAGE_ENDS), strict=True)),
        Interval(200.0, 280.0),
    )


def table(dataset="flickr8k", model="fusion", notes=()):
    return results_table.format_results(
        dataset,
        model,
        measured(),
        intervals(),
        metrics.random_ranking([5] * 1000),
        SplitCounts("test", 1000, 5000),
        "VGG features vgg16-pool5_avg: stands in for VGG16 fc7",
        notes,
        results_table.printed_rows(dataset, model),
    )


def row_starting(text, label):
    return next(line for line in text.splitlines() if line.startswith(label))


def numbers(line, label):
    sentence, image = line.removeprefix(label).split("|")
    return sentence.split(), image.split()


def markdown_tables():
    tables = {}
    for line in PAPER_TABLES_MD.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## Table \d, (\w+)", line):
            rows = tables.setdefault(heading[1].lower(), [])
        elif line.startswith("|") and not line.startswith(("| system", "| ---")):
            system, sentence, image = (cell.strip() for cell in line.strip("|").split("|"))
            rows.append(PaperRow(system, tuple(sentence.split()), tuple(image.split())))
    return tables


@pytest.mark.skipif(not PAPER_TABLES_MD.exists(), reason="../shared/design/paper_tables.md is not here")
def test_every_number_of_the_paper_is_kept_as_printed():
    expected = markdown_tables()

    assert set(expected) == set(DATASETS)
    assert {dataset: list(results_table.paper_table(dataset)) for dataset in DATASETS} == expected


@pytest.mark.skipif(not PAPER_TABLES_MD.exists(), reason="../shared/design/paper_tables.md is not here")
def test_every_number_in_a_footnote_is_the_papers():
    source = " ".join(PAPER_TABLES_MD.read_text(encoding="utf-8").split())
    every_system = {dataset: [row.system for row in results_table.paper_table(dataset)] for dataset in DATASETS}
    notes = [note for dataset in DATASETS for note in results_table.footnotes(dataset, every_system[dataset])]

    assert len(notes) == 7
    for note in notes:
        for quoted in re.findall(r"[\d. ]+ \| [\d. ]*\d|0\.10 / 0\.50 / 1\.00|42\.2|647|631", note):
            assert quoted.strip() in source


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_paper_row_has_four_numbers_a_direction(dataset):
    for row in results_table.paper_table(dataset):
        for cells in (row.sentence_retrieval, row.image_retrieval):
            assert len(cells) == 4
            assert all(0 <= float(cell) <= 1000 for cell in cells)


@pytest.mark.parametrize(("model", "system"), [("vse", "VSE"), ("single", "Ours_single"), ("fusion", "Ours_fusion")])
def test_each_model_of_ours_has_its_row_in_every_paper_table(model, system):
    assert [results_table.paper_row(dataset, model).system for dataset in DATASETS] == [system] * 3


def test_the_paper_has_no_row_for_the_scenes():
    assert results_table.paper_row("scenes", "fusion") is None
    assert results_table.paper_table("scenes") == ()


def test_the_table_holds_the_measured_row_to_one_decimal():
    line = row_starting(table(), "fusion (measured here)")

    assert numbers(line, "fusion (measured here)") == (
        ["21.8", "50.2", "64.5", "5", "33.2"],
        ["13.8", "37.5", "52.2", "10", "1234.6"],
    )


def test_two_lines_under_the_measured_row_hold_its_interval():
    lines = table().splitlines()
    measured_at = next(number for number, line in enumerate(lines) if line.startswith("fusion (measured here)"))

    low, high = lines[measured_at + 1 : measured_at + 3]

    assert numbers(low, "  95% interval, low") == (
        ["19.3", "47.2", "61.5", "5", "29.0"],
        ["12.7", "35.9", "50.3", "9", "1100.0"],
    )
    assert numbers(high, "  95% interval, high") == (
        ["24.5", "53.3", "67.5", "6", "37.9"],
        ["15.0", "39.2", "100.0", "11", "1300.0"],
    )


@pytest.mark.parametrize(
    ("images", "captions", "folds", "named"),
    [
        # As many as R@10 finds.
        (
            7,
            35,
            1,
            ["R@5, R@10 of sentence retrieval (35 ", "R@1, R@5, R@10 of image retrieval (7 ", "7 image queries"],
        ),
        (101, 505, 1, []),
        (100, 500, 1, ["for R@10 of image retrieval (100 "]),
        (99, 495, 1, ["for R@10 of image retrieval (99 ", "99 image queries"]),
        # A fold's gallery is its own part; its queries count with the others'.
        (505, 2525, 5, []),
        (400, 2000, 5, ["for R@10 of image retrieval (80 "]),
        (1000, 5000, 1, []),
    ],
)
def test_numbers_that_a_small_gallery_makes_easy_are_named(images, captions, folds, named):
    notes = results_table.small_gallery_notes(SplitCounts("test", images, captions), folds)

    text = " ".join(notes)
    assert [part for part in named if part not in text] == []
    assert bool(notes) == bool(named)
    assert ("queries" in text) == any("queries" in part for part in named)


def test_the_table_holds_the_papers_rows_as_printed_without_a_mean_rank():
    text = table()

    assert numbers(row_starting(text, "Ours_fusion"), "Ours_fusion (paper, as printed)") == (
        ["21.5", "50.3", "66.2", "5", "-"],
        ["15.4", "40.5", "54", "9", "-"],
    )
    assert numbers(row_starting(text, "Random Ranking"), "Random Ranking (paper, as printed)") == (
        ["0.1", "0.6", "1.1", "631", "-"],
        ["0.1", "0.5", "1.0", "500", "-"],
    )


def test_the_table_holds_the_exact_random_row():
    line = row_starting(table(), "Random ranking (exact)")

    assert numbers(line, "Random ranking (exact)") == (
        ["0.10", "0.50", "1.00", "647", "833.5"],
        ["0.10", "0.50", "1.00", "500", "500.5"],
    )


def test_the_scenes_table_shows_no_number_of_the_paper():
    text = table("scenes")

    assert "paper" not in text
    assert "fusion (measured here)" in text
    assert "Random ranking (exact)" in text


@pytest.mark.parametrize("dataset", ["scenes", *DATASETS])
def test_columns_are_aligned_and_lines_fit_a_terminal(dataset):
    lines = table(dataset, notes=["A long note. " * 30]).splitlines()
    rule = next(index for index, line in enumerate(lines) if line.startswith("---"))
    rows = lines[rule - 2 : rule] + lines[rule + 1 : lines.index("", rule)]

    assert max(map(len, lines)) <= 110
    assert len({line.index("|") for line in rows}) == 1
    # Numbers end in one column: that of the header's last letter.
    ends = [[match.end() for match in re.finditer(r"\S+", line[34:])] for line in rows[2:]]
    header = [match.end() for match in re.finditer(r"Med r|mean r|R@\d+|\|", rows[1][34:])]
    assert all(end == header for end in ends)
    assert not any(line.endswith(" ") for line in lines)


def test_notes_name_split_sizes_features_and_what_the_caller_adds():
    text = table(notes=["W_img is a linear stand-in."])

    assert "* test split: 1,000 images, 5,000 sentences." in text
    assert "* Features: VGG features vgg16-pool5_avg: stands in for VGG16 fc7." in text
    assert "* W_img is a linear stand-in." in text


def test_footnotes_are_those_of_the_rows_shown():
    assert "repository reports 22.3 48.7 59.8 6" in table("flickr8k", "vse")
    assert "repository" not in table("flickr8k", "fusion")
    assert "one simulated draw" in table("flickr8k", "fusion")
    assert "42.2" not in table("mscoco", "vse")
    assert any("typo" in note for note in results_table.footnotes("mscoco", ["m-RNN-vgg"]))


def test_features_are_named_with_what_they_stand_in_for():
    vgg = {"name": "vgg16-pool5_avg", "model": "vgg16", "stand_in": "VGG16 fc7"}
    image = {"name": "inception_v3", "model": "inception_v3", "stand_in": ""}

    assert results_table.describe_features(vgg, image) == (
        "VGG features vgg16-pool5_avg: stands in for VGG16 fc7; image features inception_v3"
    )
    assert results_table.describe_features(None, image) == "image features inception_v3"


def test_stand_ins_are_values_too():
    vgg = {"name": "vgg16-pool5_avg", "model": "vgg16", "stand_in": "VGG16 fc7"}
    image = {"name": "inception_v3", "model": "inception_v3", "stand_in": ""}

    assert results_table.stand_ins(vgg, image) == [
        {"features": "vgg16-pool5_avg", "role": "VGG features", "for": "VGG16 fc7"}
    ]
    assert results_table.stand_ins(None, image) == []


def test_features_in_the_other_role_are_a_stand_in():
    image = {"name": "inception_v3", "model": "inception_v3", "stand_in": ""}

    assert results_table.describe_features(image, None) == "VGG features inception_v3: stands in for VGG16 fc7"


def test_a_grid_and_predictions_stand_in_for_what_they_say_themselves():
    grid = {"name": "lite-grid", "model": "efficientnet_lite2", "cells": 16, "stand_in": "R-CNN regions"}
    regions = {**grid, "name": "regions", "model": "", "stand_in": ""}
    predictions = {"name": "lite-predictions", "model": "efficientnet_lite2", "layer": "predictions", "stand_in": ""}

    assert results_table.describe_features(None, grid) == "image features lite-grid: stands in for R-CNN regions"
    assert results_table.describe_features(None, regions) == "image features regions"
    assert results_table.describe_features(None, predictions) == "image features lite-predictions"


def test_the_splits_and_their_protocol_are_said():
    splits = [SplitCounts("train", 82783, 414113), SplitCounts("test", 1000, 5000)]

    assert results_table.describe_splits("karpathy_1k", splits) == (
        "Splits (karpathy_1k): train 82,783 images, 414,113 sentences; test 1,000 images, 5,000 sentences."
    )
    assert results_table.describe_splits("", splits).startswith("Splits: train")


def test_a_median_rank_that_is_a_mean_over_folds_is_printed_with_its_fraction():
    folds = [metrics.random_ranking([1] * size) for size in (10, 13)]

    text = results_table.format_results(
        "tfds:coco_captions",
        "vse",
        metrics.mean_over_folds(folds),
        intervals(),
        folds[0],
        SplitCounts("test", 23, 23),
        "VGG features",
    )

    assert row_starting(text, "vse (measured here)").split("|")[1].split()[3] == "6"
    assert text.startswith("vse on tfds:coco_captions, test split")
