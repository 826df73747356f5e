"""The plot of a margin sweep, read from its figure."""

import xml.etree.ElementTree

import matplotlib
import numpy as np
import pytest
from fabricated_sweeps import point, sweep
from matplotlib import colors, image

from experiments import figures
from experiments.margin_sweep import plot


@pytest.fixture(scope="module")
def figure():
    made = sweep(
        point(0.2, 20, 6),
        point(0.1, 10, 5),
        point(0.1, 12, 5, image_norm=False),
        point(0.2, 11, 4, image_norm=False),
    )
    return plot.draw(made.scores(True) + made.scores(False), chosen=0.2, title="flickr8k/fusion")


def _curves(panel) -> dict[str, list]:
    return {line.get_label(): line.get_xydata().tolist() for line in panel.get_lines()}


def test_the_sum_of_recalls_stands_over_the_margin_in_both_settings(figure):
    curves = _curves(figure.axes[0])

    assert curves["unit images"] == [[0.1, 15.0], [0.2, 26.0]]
    assert curves["images as they are"] == [[0.1, 17.0], [0.2, 15.0]]


def test_recall_at_1_stands_beside_it_in_both_directions(figure):
    curves = _curves(figure.axes[1])

    assert curves["sentence retrieval, unit images"] == [[0.1, 10.0], [0.2, 20.0]]
    assert curves["image retrieval, unit images"] == [[0.1, 5.0], [0.2, 6.0]]
    assert curves["sentence retrieval, images as they are"] == [[0.1, 12.0], [0.2, 11.0]]
    assert curves["image retrieval, images as they are"] == [[0.1, 5.0], [0.2, 4.0]]


def test_the_chosen_margin_and_the_papers_are_marked_in_both_panels(figure):
    for panel in figure.axes:
        curves = _curves(panel)
        assert [x for x, _ in curves["chosen here: 0.2"]] == [0.2, 0.2]
        assert [x for x, _ in curves["the paper's margin, 0.7"]] == [0.7, 0.7]


def test_axes_are_named_with_their_units(figure):
    assert "cosine distance" in figure.axes[0].get_xlabel()
    assert all("percent" in panel.get_ylabel() for panel in figure.axes)


def test_the_settings_differ_in_grey_in_line_and_in_marker(figure):
    unit, as_is = figure.axes[0].get_lines()[-2:]

    grey = [np.dot(colors.to_rgb(line.get_color()), (0.299, 0.587, 0.114)) for line in (unit, as_is)]
    assert abs(grey[0] - grey[1]) > 0.3
    assert unit.get_linestyle() != as_is.get_linestyle()
    assert unit.get_markerfacecolor() != as_is.get_markerfacecolor()


def test_a_sweep_without_a_choice_marks_none():
    made = sweep(point(0.2, 11, 4, image_norm=False))

    panel = plot.draw(made.scores(False), chosen=None, title="flickr8k/fusion").axes[0]

    assert set(_curves(panel)) == {"the paper's margin, 0.7", "images as they are"}


def test_the_svg_is_whole(figure):
    root = xml.etree.ElementTree.fromstring(figures.svg_text(figure))

    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_png_is_a_picture_with_something_on_it(figure, tmp_path):
    figures.write(figure, tmp_path / "plot.png")

    picture = image.imread(tmp_path / "plot.png")
    assert picture.shape[:2] == (660, 1500)
    assert picture[..., :3].min() < 0.5


def test_drawing_changes_no_setting_of_matplotlibs():
    before = dict(matplotlib.rcParams)

    figures.svg_text(plot.draw(sweep(point(0.2, 11, 4)).scores(True), chosen=0.2, title="flickr8k/fusion"))

    assert dict(matplotlib.rcParams) == before
