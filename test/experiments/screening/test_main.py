"""Screening: every setting's validation numbers beside the baseline's, never the test split's."""

import re

import finished_runs
import pandas as pd
import pytest
from tiny_runs import run_main

from cmr.cli.flagfiles import installed_folder
from cmr.workspace.runs import Run
from experiments.screening import __main__ as screening
from experiments.screening.variants import VARIANTS
from experiments.trainings.arms import plan_arms

MADE = (
    "dataset.json",
    "features/scene_cnn-objects/extractor.json",
    "features/scene_cnn-layout/extractor.json",
    "captioner/captioner.json",
)
FLAGS = ("--row=scenes/fusion", "--variants=ablations/margin_02,ablations/negatives_batch")


@pytest.fixture
def finished(tmp_path):
    """A workspace in which all is trained: the first variant better than the baseline, the second worse."""
    for made in MADE:
        (tmp_path / "scenes" / made).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "scenes" / made).touch()
    arms = plan_arms(
        "scenes/fusion", (), ("ablations/margin_02", "ablations/negatives_batch"), 1, "screening", VARIANTS
    )
    for training, factor in zip(arms.trainings, (1.0, 0.6, 1.5), strict=True):
        finished_runs.write(training.run(tmp_path), factor=factor)
    return tmp_path


def call(workspace_dir, *arguments):
    return run_main(screening.main, f"--workspace_dir={workspace_dir}", *arguments, groups=screening.GROUPS)


def test_settings_are_listed_by_their_validation_sum_beside_the_baselines(finished):
    ended = call(finished, *FLAGS)

    assert ended.returncode == 0, ended.stderr
    assert re.findall(r"^\| (\w+) ", ended.stdout, re.M) == ["setting", "fusion", "margin_02", "negatives_batch"]
    table = pd.read_csv(finished / "scenes" / "experiments" / "screening.csv")
    assert table["gain"][0] == 0
    assert table["gain"].tolist() == pytest.approx((table["validation_sum"] - table["validation_sum"][0]).tolist())
    assert (finished / "scenes" / "experiments" / "screening.md").read_text() in ended.stdout


def test_the_test_split_is_not_read(finished):
    before = call(finished, *FLAGS)
    for path in finished.glob("scenes/runs/*"):
        measured = Run(path).read_metrics()
        Run(path).write_metrics({**measured, "test": measured["random_ranking"]})
        Run(path).test_ranks_npz.write_bytes(b"")

    assert call(finished, *FLAGS) == before


def test_every_setting_that_was_tried_can_be_tried_again():
    arms = plan_arms("screening/start", ("laptop",), VARIANTS, 1, "screening", VARIANTS)

    assert len(arms.variants) == len(VARIANTS)
    assert {path.stem for path in installed_folder().glob("screening/*.flags")} == {"start", *VARIANTS}
