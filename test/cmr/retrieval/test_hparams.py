"""What TensorBoard's HParams page says of a run."""

import dataclasses

import pytest

from cmr.config import ModelConfig, RunConfig, TrainConfig
from cmr.retrieval import hparams

FUSION = RunConfig("scenes", ModelConfig("fusion", 4, 4, 9), TrainConfig(), "objects", "layout", "linear", {})


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        ("", "not used"),
        ("linear", "linear"),
        ("raw", "raw"),
        ("random, seed 3", "random"),
        ("5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9", "captioner"),
    ],
)
def test_the_kind_of_w_img_is_told_from_its_origin(origin, kind):
    assert hparams.settings_of(dataclasses.replace(FUSION, text_space=origin))["W_img"] == kind


@pytest.mark.parametrize(("loss", "has_margin"), [("hinge", True), ("softmax", False)])
def test_a_loss_without_a_margin_shows_none(loss, has_margin):
    run_config = dataclasses.replace(FUSION, train=TrainConfig(loss=loss))

    assert ("Margin" in hparams.settings_of(run_config)) == has_margin
    assert ("margin" in hparams.title(run_config)) == has_margin


@pytest.mark.parametrize(
    "changed",
    [
        {"model": ModelConfig("single", 0, 4, 9)},
        {"text_space": "raw"},
        {"train": TrainConfig(loss="softmax")},
        {"train": TrainConfig(margin=0.2)},
        {"train": TrainConfig(negatives="hardest")},
        {"train": TrainConfig(seed=1)},
    ],
)
def test_runs_that_differ_have_different_titles(changed):
    assert hparams.title(dataclasses.replace(FUSION, **changed)) != hparams.title(FUSION)
