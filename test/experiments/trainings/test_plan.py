"""A dry run: commands for a shell, and what they cost in hours and on the disk."""

import os
import shlex

import finished_runs
import pytest
from tiny_workspaces import make_workspace

from cmr.cli.flagfiles import find_flagfile
from cmr.config import ModelConfig, RunConfig, TrainConfig
from cmr.errors import ConfigError, WorkspaceError
from cmr.retrieval.model import retrieval_model
from cmr.workspace.paths import Workspace
from cmr.workspace.writer_lock import writer_lock
from experiments.trainings import estimate, plan
from experiments.trainings.preparation import Sources
from experiments.trainings.training import Training

HOUR = 3600


def row(*flags, name="scenes/fusion", seed=0):
    return Training("fusion", (find_flagfile(name),), flags, seed)


def finish(training, workspace_dir, seconds):
    """A finished run of the training's sizes that took so long."""
    run, values = training.run(workspace_dir), training.values
    finished_runs.write(run)
    model = ModelConfig(values.model, 10, 14, 30, word_dim=values.word_dim, gru_units=values.gru_units)
    train = TrainConfig(0.7, "sum", "epoch", 0, values.batch_size, 1e-3, 2.0, values.max_epochs, 3, 500, 0)
    run.config_json.write_text(RunConfig("scenes", model, train, "", "", "", {}).to_json())
    run.best_weights.touch()
    os.utime(run.config_json, (0, 0))
    os.utime(run.metrics_json, (seconds, seconds))


def test_every_command_is_read_by_a_shell_as_it_is_meant(tmp_path):
    workspace_dir = tmp_path / "my 'own' workspace"
    training = Training("fusion", (find_flagfile("flickr8k/fusion"),), ("--captioner=a folder; rm",))

    lines = plan.describe([training], workspace_dir, Sources("raw data")).splitlines()

    commands = [shlex.split(line, comments=True) for line in lines]
    assert f"--workspace_dir={workspace_dir}" in commands[0]
    assert "--data_dir=raw data" in commands[0]
    assert commands[3] == ["python", "-m", "cmr.train", *training.arguments(workspace_dir)]
    assert commands[4:] == [[], [], []]


def test_a_finished_run_needs_nothing_of_what_it_was_trained_on(tmp_path):
    training = row(name="flickr8k/fusion")
    finished_runs.write(training.run(tmp_path))
    # Features and weights are nowhere, and nothing is prepared.
    plan.carry_out([training], tmp_path, Sources(image_weights="none"))

    assert plan.describe([training], tmp_path, Sources()).startswith("# 0 preparations and 0 of 1 trainings to do")


def test_hours_are_those_that_runs_of_the_same_sizes_took(tmp_path):
    for seed, seconds in enumerate((HOUR, 2 * HOUR, 9 * HOUR)):
        finish(row(seed=seed), tmp_path, seconds)
    unfinished = [row(seed=3), row("--margin=0.3"), row("--gru_units=9")]

    told = estimate.hours(unfinished, tmp_path)

    assert told.startswith("about 4.0 h of training one after the other")
    assert told.endswith("not counted: 1 of sizes that no finished run has")


def test_a_run_that_was_trained_elsewhere_says_nothing_of_the_hours_here(tmp_path):
    finish(row(), tmp_path, 0)
    row().run(tmp_path).best_weights.unlink()

    assert estimate.hours([row(seed=1)], tmp_path).startswith("hours not known")


def test_sentences_that_are_not_prepared_are_said_before_anything_is_trained(tmp_path):
    with pytest.raises(ConfigError, match=r"reads the sentences of flickr30k, which is not prepared; give python -m"):
        plan.describe([row("--sentences_of=flickr30k")], tmp_path, Sources())


def test_hours_are_not_known_where_nothing_of_the_sizes_is_finished(tmp_path):
    finish(row(), tmp_path, HOUR)

    assert estimate.hours([row("--max_epochs=30")], tmp_path).startswith("hours not known")


@pytest.mark.parametrize("model", ["vse", "single", "fusion"])
@pytest.mark.parametrize("further", [(), ("--image_embedding=raw", "--bidirectional")])
def test_the_weights_of_a_run_are_counted_as_keras_counts_them(tmp_path, model, further):
    workspace = make_workspace(tmp_path)
    values = row(f"--model={model}", "--word_dim=6", "--gru_units=8", "--text_space_dim=4", *further).values
    raw = values.image_embedding == "raw"
    config = ModelConfig(
        model, 10, 14, 30, word_dim=6, gru_units=8, text_space_dim=0 if raw else 4, bidirectional=values.bidirectional
    )

    assert estimate.num_weights(values, workspace, 30) == retrieval_model(config).count_params()


def describe_flickr8k(workspace_dir):
    splits = {"train": {"images": 8_000, "captions": 40_000}}
    Workspace(workspace_dir, "flickr8k").write_description(
        {"dataset": "flickr8k", "image_dir": "images", "splits": splits, "vocabulary_size": 7_000}
    )


def test_disk_holds_missing_features_and_states(tmp_path):
    describe_flickr8k(tmp_path)

    told = estimate.disk([row(name="flickr8k/fusion"), row(name="flickr8k/fusion", seed=1)], tmp_path)

    # 8,000 images of 4,096 and 2,048 floats; two runs of 19 million weights, four copies of each.
    assert told.startswith("at least ")
    assert told.endswith("features 0.20, runs 0.62")


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("inception_v3-10crop", "features 0.20,"),
        ("inception_v3-448px", "features 0.20,"),
        ("efficientnet_lite2-stages3-352px", "features 0.13,"),
        ("mine", "features 0.13,"),
    ],
)
def test_disk_names_features_whose_size_is_not_known(tmp_path, name, counted):
    describe_flickr8k(tmp_path)

    told = estimate.disk([row(f"--image_features={name}", name="flickr8k/fusion")], tmp_path)

    assert counted in told
    is_known = counted == "features 0.20,"
    assert told.endswith(f"; not counted, since their size is not known yet: {name}") is not is_known


def test_disk_is_not_known_before_the_data_set_is_prepared(tmp_path):
    assert estimate.disk([row()], tmp_path) == "disk not known before the data set is prepared"


def test_a_second_experiment_on_a_data_set_is_one_sentence(tmp_path):
    first = Workspace(tmp_path, "scenes").experiments_dir

    with writer_lock(first), pytest.raises(WorkspaceError, match=r"experiments is being written by process \d+"):
        plan.carry_out([row()], tmp_path, Sources())

    assert list(first.glob("*")) == []
