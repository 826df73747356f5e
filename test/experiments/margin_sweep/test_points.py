"""The points of a margin sweep: what is trained, what is read, and which margin is chosen."""

import csv
import io
import json

from fabricated_sweeps import measured, point, sweep

from cmr.workspace.runs import Run
from experiments.margin_sweep import points
from experiments.margin_sweep.points import MarginScore, Setting, Sweep
from experiments.trainings.results import RunResult


def test_every_margin_is_trained_in_both_settings_those_of_the_choice_first():
    grid = points.grid([0.3, 0.1], [False, True], seeds=1)

    assert [(setting.image_norm, setting.margin) for setting in grid] == [
        (True, 0.1),
        (True, 0.3),
        (False, 0.1),
        (False, 0.3),
    ]


def test_every_margin_is_trained_with_each_seed():
    assert [setting.seed for setting in points.grid([0.1], [True], seeds=3)] == [0, 1, 2]


def test_the_points_flags_count_and_not_those_of_the_row(tmp_path):
    row = tmp_path / "row.flags"
    row.write_text("--margin=0.7\n--image_norm_in_loss=true\n--dataset=scenes\n")

    values = Setting(0.3, image_norm=False, seed=2).training([row]).values

    assert (values.margin, values.image_norm_in_loss, values.dataset, values.seed) == (0.3, False, "scenes", 2)


def test_a_point_is_of_the_epoch_whose_weights_were_kept_the_first_of_equal_ones(tmp_path):
    history = [
        {"epoch": epoch, "val": measured(*recalls).to_dict()}
        for epoch, recalls in enumerate([(10, 5), (30, 5), (5, 30), (20, 5)], start=1)
    ]
    (tmp_path / "history.json").write_text(json.dumps(history))

    read = points.read_point(Setting(0.1, True, 0), RunResult(Run(tmp_path)))

    assert (read.epoch, read.validation) == (2, measured(30, 5))


def test_a_point_is_read_without_the_test_numbers(tmp_path):
    history = [{"epoch": 1, "val": measured(10, 5).to_dict()}]
    (tmp_path / "history.json").write_text(json.dumps(history))
    (tmp_path / "metrics.json").write_text("not JSON")
    (tmp_path / "test_ranks.npz").write_text("no array")

    read = points.read_point(Setting(0.1, True, 0), RunResult(Run(tmp_path)))

    assert read.validation == measured(10, 5)


def test_the_margin_with_the_largest_sum_of_recalls_is_chosen():
    # The second one is better at what a single recall measures.
    made = sweep(point(0.1, 10, 10), point(0.2, 25, 1), point(0.3, 15, 15))

    assert made.choice.margin == 0.3


def test_of_equal_sums_the_smaller_margin_is_chosen():
    made = sweep(point(0.3, 20, 10), point(0.2, 10, 20), point(0.1, 5, 5))

    assert made.choice.margin == 0.2


def test_sums_that_differ_by_rounding_alone_are_equal():
    assert 0.1 + 0.2 > 0.3
    made = sweep(point(0.4, 0.1, 0.2), point(0.2, 0.3, 0.0))

    assert made.choice.margin == 0.2


def test_a_margin_without_unit_images_is_never_chosen():
    made = sweep(point(0.1, 10, 10), point(0.2, 50, 50, image_norm=False))

    assert made.choice.margin == 0.1


def test_nothing_is_chosen_where_no_run_has_unit_images():
    assert sweep(point(0.2, 50, 50, image_norm=False)).choice is None


def test_a_margins_score_is_the_mean_over_its_seeds():
    made = sweep(point(0.2, 10, 4), point(0.2, 20, 8, seed=1), point(0.1, 14, 6))

    scores = made.scores(image_norm=True)

    assert scores == [
        MarginScore(0.1, True, 1, 20.0, 14.0, 6.0),
        MarginScore(0.2, True, 2, 21.0, 15.0, 6.0),
    ]
    assert made.choice == scores[1]


def test_a_sweep_is_read_back_from_its_file():
    made = sweep(point(0.1, 10, 10, epoch=3), point(0.2, 12, 1, image_norm=False, seed=1))

    assert Sweep.from_json(made.to_json()) == made


def test_the_file_names_the_split_the_scores_and_the_choice():
    made = sweep(point(0.1, 10, 10), point(0.2, 12, 1, image_norm=False))

    values = json.loads(made.to_json())

    assert values["split"] == "val"
    assert [score["sum_of_recalls"] for score in values["scores"]] == [20.0, 13.0]
    assert (values["choice"]["margin"], values["choice"]["sum_of_recalls"]) == (0.1, 20.0)


def test_the_spreadsheet_has_a_row_a_run():
    made = sweep(point(0.1, 10.0, 5.0, epoch=3), point(0.2, 12.0, 1.0, image_norm=False, seed=1))

    rows = list(csv.DictReader(io.StringIO(made.to_csv())))

    assert [(row["margin"], row["image_norm"], row["seed"], row["epoch"]) for row in rows] == [
        ("0.1", "true", "0", "3"),
        ("0.2", "false", "1", "1"),
    ]
    assert [row["val_sum_of_recalls"] for row in rows] == ["15.0", "13.0"]
    assert [row["val_image_retrieval_recall_at_1"] for row in rows] == ["5.0", "1.0"]
