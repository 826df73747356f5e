"""Curves of a row's runs: every epoch of every seed, the kept one marked."""

import json

import pytest

from cmr.workspace.runs import Run
from experiments.report import curves, pictures
from experiments.trainings.results import RunResult


def result(folder, sums, last_loss=None):
    folder.mkdir()
    direction = {"recall_at_1": 1.0, "recall_at_5": 5.0, "recall_at_10": 10.0}
    direction |= {"median_rank": 50, "mean_rank": 60.0, "num_queries": 100}
    entries = [
        {
            "epoch": epoch,
            "loss": 100.0 / epoch,
            "val": {"sentence_retrieval": direction, "image_retrieval": direction, "sum_of_recalls": total},
        }
        for epoch, total in enumerate(sums, 1)
    ]
    entries[-1]["loss"] = last_loss or entries[-1]["loss"]
    (folder / "history.json").write_text(json.dumps(entries))
    return RunResult(Run(folder))


@pytest.fixture
def figures(tmp_path):
    return curves.draw([result(tmp_path / "0", [10, 30, 20]), result(tmp_path / "1", [10, 20])])


def points(line):
    return list(zip(*line.get_data(), strict=True))


def test_each_seed_is_a_line_of_losses_and_a_dot_at_the_kept_epoch(figures):
    lines = figures["loss (mean of a step)"].axes[0].get_lines()

    assert [points(line) for line in lines] == [
        [(1, 100.0), (2, 50.0), (3, 100.0 / 3)],
        [(2, 50.0)],
        [(1, 100.0), (2, 50.0)],
        [(2, 50.0)],
    ]


@pytest.mark.parametrize("direction", ["sentence retrieval", "image retrieval"])
def test_three_recalls_are_told_apart_once_for_all_seeds(figures, direction):
    figure = figures[f"validation, {direction}"]
    (legend,), (panel,) = figure.legends, figure.axes

    assert [text.get_text() for text in legend.get_texts()] == ["R@10", "R@5", "R@1"]
    assert len({line.get_linestyle() for line in panel.get_lines() if len(line.get_xdata()) > 1}) == 3


def test_the_same_runs_are_the_same_plot(tmp_path):
    results = [result(tmp_path / "0", [10, 30, 20])]

    first, again = ([pictures.plot(figure) for figure in curves.draw(results).values()] for _ in range(2))

    assert first == again


def test_the_legend_lies_beside_the_curves(figures):
    figure = figures["validation, image retrieval"]
    figure.draw_without_rendering()
    (legend,), (panel,) = figure.legends, figure.axes

    assert not legend.get_window_extent().overlaps(panel.get_window_extent())


@pytest.mark.parametrize("last", [100.0, 99.0, 61.0, 52.0, 21.0, 11.0, 9.0, 0.7, 1e-4])
def test_the_axis_of_the_loss_has_labels_however_far_it_falls(tmp_path, last):
    figure = curves.draw([result(tmp_path / "0", [10, 20], last)])["loss (mean of a step)"]
    figure.draw_without_rendering()
    (panel,) = figure.axes

    low, high = panel.get_ylim()
    labels = [label.get_text() for label in panel.get_yticklabels() if low <= label.get_position()[1] <= high]
    assert len([label for label in labels if label]) >= 2
    assert len(set(labels)) == len(labels)
