"""The captioner behind a run, and the one behind a captioner."""

import dataclasses
import shutil

import pytest
import tiny_captioners

from cmr.captioner import files
from cmr.config import CaptionerRunConfig, ModelConfig, RunConfig, TrainConfig
from cmr.text_space import choice
from cmr.trained import run_captioner
from cmr.workspace.runs import Run

CONFIG = RunConfig("scenes", ModelConfig("single", 1, 0, 9), TrainConfig(), "", "layout", "", {}, captioner="one")


@pytest.fixture
def dataset_dir(tmp_path):
    """A data set's folder with two captioners."""
    folder = tmp_path / "scenes"
    tiny_captioners.write(folder / "captioner", 0)
    tiny_captioners.write(folder / "one, two", 1)
    return folder


def run_of(dataset_dir, of_whom, told=""):
    """A run with W_img of a captioner, told so by its flags, and its settings."""
    run = Run(dataset_dir / "runs" / "one")
    run.path.mkdir(parents=True)
    run.flags_txt.write_text(f"--captioner={told}\n")
    kernel = files.read_captioner(dataset_dir / of_whom).text_space
    return run, dataclasses.replace(CONFIG, text_space=choice.kernel_checksum(kernel))


@pytest.mark.parametrize(("of_whom", "told"), [("captioner", ""), ("one, two", "one, two")])
def test_it_is_found_where_the_run_was_told(dataset_dir, of_whom, told):
    run, config = run_of(dataset_dir, of_whom, dataset_dir / told if told else "")

    assert run_captioner.of_run(run, config) == dataset_dir / of_whom


@pytest.mark.parametrize("of_whom", ["captioner", "one, two"])
def test_one_that_was_moved_with_the_runs_workspace_is_still_known(dataset_dir, tmp_path, of_whom):
    run, config = run_of(dataset_dir, of_whom, dataset_dir / of_whom)
    moved = dataset_dir.rename(tmp_path / "moved")

    assert run_captioner.of_run(Run(moved / "runs" / run.path.name), config) == moved / of_whom


@pytest.mark.parametrize("change", ["removed", "trained anew", "damaged"])
def test_one_that_has_changed_since_is_not_taken_for_it(dataset_dir, change):
    run, config = run_of(dataset_dir, "captioner")
    if change == "removed":
        shutil.rmtree(dataset_dir / "captioner")
    elif change == "damaged":
        (dataset_dir / "captioner" / "captioner.keras").write_bytes(b"")
    else:
        tiny_captioners.write(dataset_dir / "captioner", 2)

    assert run_captioner.of_run(run, config) is None


def test_a_run_without_one_has_none(dataset_dir):
    run, config = run_of(dataset_dir, "captioner")

    assert run_captioner.of_run(run, dataclasses.replace(config, captioner="")) is None


def second_phase(dataset_dir, begins_with):
    tiny_captioners.write(dataset_dir / "raised", 3, ["--phase_1_captioner="], begins_with)
    return Run(dataset_dir / "raised").read_config(CaptionerRunConfig)


def test_a_second_phase_knows_the_first_one_by_its_weights(dataset_dir):
    folder = dataset_dir / "raised"
    first, other = (files.read_captioner(dataset_dir / name).checksum() for name in ("captioner", "one, two"))

    assert run_captioner.phase_1(folder, second_phase(dataset_dir, first)) == dataset_dir / "captioner"
    assert run_captioner.phase_1(folder, second_phase(dataset_dir, other)) is None
    assert run_captioner.phase_1(folder, second_phase(dataset_dir, "")) is None
