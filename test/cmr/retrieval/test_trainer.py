"""Training: early stopping, the best weights, what is refused, and going on after kill -9 to the very same end."""

import math
import signal
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
import stopped_trainings
import tensorflow as tf
import tiny_runs
from commands import ROOT

from cmr.config import ModelConfig, TrainConfig
from cmr.errors import ConfigError, WorkspaceError
from cmr.evaluation import encoding
from cmr.evaluation.encoding import SplitEmbedder
from cmr.evaluation.metrics import BothDirections, RetrievalMetrics
from cmr.retrieval.model import retrieval_model
from cmr.retrieval.step import TrainingStep
from cmr.retrieval.summaries import SilentRecorder
from cmr.retrieval.trainer import Trainer
from cmr.workspace.runs import Run

STEPS_PER_EPOCH = 144 // 30


def new_model(gru_units=3):
    keras.utils.set_random_seed(2)
    return retrieval_model(
        ModelConfig(model="vse", vgg_dim=10, image_dim=0, vocabulary_size=60, word_dim=2, gru_units=gru_units)
    )


class Training:
    """A training whose steps add 1 to every weight, and whose validation has scripted sums of recalls.

    Args:
      run: the run's folder.
      inputs: of the tiny workspace.
      patch: a `pytest.MonkeyPatch`.
    """

    def __init__(self, run, inputs, patch):
        self.run = run
        self.steps = 0
        self.losses = {}
        self.sums = iter(())
        self._train, self._val = inputs.split("train"), inputs.split("val")
        patch.setattr(TrainingStep, "__call__", lambda _, batch: self._step())
        patch.setattr(SplitEmbedder, "embed", lambda embedder, split: None)
        patch.setattr(encoding, "evaluate_embeddings", lambda embeddings, split: (scripted(next(self.sums)), None))

    def _step(self):
        self.steps += 1
        loss = self.losses.get(self.steps, 1.0)
        if isinstance(loss, BaseException):
            raise loss
        for weight in self.model.trainable_variables:
            weight.assign_add(tf.ones_like(weight))
        return tf.constant(loss)

    def fit(self, *sums, gru_units=3, **changed):
        """Trains; `sums` are the validation's sums of recalls, epoch by epoch."""
        settings = {
            "margin": 0.7,
            "reduction": "sum",
            "negatives": "batch",
            "num_negatives": 0,
            "batch_size": 30,
            "learning_rate": 0.01,
            "clip_norm": 2.0,
            "max_epochs": 9,
            "patience": 2,
            "checkpoint_steps": 3,
            "seed": 0,
        }
        self.sums = iter(sums)
        self.model = new_model(gru_units)
        Trainer(
            self.model,
            TrainConfig(**{**settings, **changed}),
            tf.distribute.get_strategy(),
            self.run,
            self._train,
            self._val,
            SilentRecorder(),
        ).fit()

    @property
    def history(self):
        return tiny_runs.read_json(self.run.history_json)

    def kept_steps(self):
        """How many steps the kept weights are away from the first ones."""
        kept, first = new_model(), new_model()
        kept.load_weights(self.run.best_weights)
        moved = [
            weight.numpy() - old.numpy()
            for weight, old in zip(kept.trainable_variables, first.trainable_variables, strict=True)
        ]
        (steps,) = {int(step) for part in moved for step in np.round(part).ravel()}
        return steps


def scripted(sum_of_recalls):
    """Metrics of both directions that add up to a number."""
    return BothDirections(
        RetrievalMetrics(sum_of_recalls / 2, 0.0, 0.0, 3, 4.5, 12),
        RetrievalMetrics(sum_of_recalls / 2, 0.0, 0.0, 2, 3.5, 48),
    )


@pytest.fixture
def training(tmp_path, scenes_inputs, monkeypatch):
    return Training(Run(tmp_path / "run"), scenes_inputs, monkeypatch)


def test_training_stops_when_patience_is_over(training):
    training.fit(100, 200, 150, 200, 300, patience=2)

    assert [row["val"]["sum_of_recalls"] for row in training.history] == [100, 200, 150, 200]


def test_a_better_epoch_starts_patience_anew(training):
    training.fit(100, 90, 110, 90, 120, 90, 80, patience=2)

    assert len(training.history) == 7


def test_training_stops_at_the_last_epoch(training):
    training.fit(100, 200, 300, max_epochs=3)

    assert [row["epoch"] for row in training.history] == [1, 2, 3]
    assert training.steps == 3 * STEPS_PER_EPOCH


def test_the_weights_of_the_best_epoch_are_kept(training):
    training.fit(100, 300, 200, 250, patience=2)

    assert training.kept_steps() == 2 * STEPS_PER_EPOCH


def test_the_history_holds_the_mean_loss_of_each_epochs_steps_and_both_directions(training):
    training.losses = {1: 4.0, 2: 2.0, 5: 9.0}

    training.fit(100, 200, max_epochs=2)

    first, second = training.history
    assert first == {"epoch": 1, "loss": (4 + 2 + 1 + 1) / STEPS_PER_EPOCH, "val": scripted(100).to_dict()}
    assert second == {"epoch": 2, "loss": (9 + 1 + 1 + 1) / STEPS_PER_EPOCH, "val": scripted(200).to_dict()}


def test_validation_measures_the_average_of_the_weights_that_is_kept(tmp_path, scenes_inputs, monkeypatch):
    seen = []

    def embed(embedder, split):
        seen.append([weight.numpy() for weight in embedder.model.weights])

    monkeypatch.setattr(SplitEmbedder, "embed", embed)
    monkeypatch.setattr(encoding, "evaluate_embeddings", lambda embeddings, split: (scripted(100), None))
    run = Run(tmp_path / "run")

    trained = stopped_trainings.fit(run, scenes_inputs, train={"average_weights": 0.9, "max_epochs": 1})

    kept = stopped_trainings.new_model()
    kept.load_weights(run.best_weights)
    for weight, measured in zip(kept.weights, seen[0], strict=True):
        np.testing.assert_array_equal(weight.numpy(), measured)
    for weight, last in zip(kept.trainable_weights, trained.trainable_weights, strict=True):
        assert np.abs(weight.numpy() - last.numpy()).max() > 1e-3


def test_averaging_goes_on_where_it_was(tmp_path, scenes_inputs, monkeypatch):
    stopped_trainings.check_that_stopping_changes_nothing(
        tmp_path, scenes_inputs, monkeypatch, train={"average_weights": 0.9}
    )


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_diverges_is_refused_with_its_place_and_the_mend(training, loss):
    training.losses = {STEPS_PER_EPOCH + 2: loss}

    with pytest.raises(ConfigError, match=f"the loss is {loss} at step 2 of epoch 2; lower --learning_rate"):
        training.fit(100, 200)

    assert training.kept_steps() == STEPS_PER_EPOCH


def test_a_stopped_training_goes_on_from_the_saved_step_with_its_patience_and_its_loss(training):
    # Stopped before the last step of the third epoch, right behind a saved state.
    training.losses = {2 * STEPS_PER_EPOCH + 4: KeyboardInterrupt(), 2 * STEPS_PER_EPOCH + 1: 5.0}
    with pytest.raises(KeyboardInterrupt):
        training.fit(200, 100, patience=2)

    training.steps, training.losses = 0, {}
    training.fit(150, 300, patience=2)

    assert training.steps == 1
    assert [row["epoch"] for row in training.history] == [1, 2, 3]
    assert training.history[2]["loss"] == (5 + 1 + 1 + 1) / STEPS_PER_EPOCH
    assert training.kept_steps() == STEPS_PER_EPOCH


def test_an_epoch_that_was_stopped_before_its_state_was_saved_is_written_again(training, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        # What a state's saving begins with.
        patch.setattr(SilentRecorder, "flush", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        training.fit(100, checkpoint_steps=99)

    training.fit(100, 200, max_epochs=2, checkpoint_steps=99)

    assert [row["epoch"] for row in training.history] == [1, 2]
    assert training.steps == 3 * STEPS_PER_EPOCH


def test_a_training_that_ended_does_nothing_when_asked_again(training):
    training.fit(100, 200, max_epochs=2)
    training.steps = 0

    training.fit(max_epochs=2)

    assert training.steps == 0
    assert len(training.history) == 2


def test_one_state_is_kept(training):
    training.fit(100, 200, max_epochs=2)

    assert len(list(training.run.checkpoints_dir.glob("*.index"))) == 1


def test_the_state_of_another_model_is_refused(training):
    training.fit(100, max_epochs=1)

    with pytest.raises(WorkspaceError, match="holds no whole state of this model; remove the run's folder"):
        training.fit(200, max_epochs=2, gru_units=4)


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:100]), id="cut"),
        pytest.param(lambda path: path.write_bytes(b"x" * path.stat().st_size), id="garbage"),
        pytest.param(lambda path: path.unlink(), id="missing"),
    ],
)
def test_a_damaged_state_is_refused(training, damage, ending):
    training.fit(100, max_epochs=1)
    (path,) = training.run.checkpoints_dir.glob(f"*{ending}")
    damage(path)

    with pytest.raises(WorkspaceError, match="holds no whole state of this model"):
        training.fit(200, max_epochs=2)


def test_a_warm_up_goes_on_where_it_was(tmp_path, scenes_inputs, monkeypatch):
    stopped_trainings.check_that_stopping_changes_nothing(
        tmp_path, scenes_inputs, monkeypatch, train={"negatives": "hardest", "warm_up_epochs": 1}
    )


def killed(workspace, hook):
    """Runs cmr.train until the hook kills it with the signal that no process can catch."""
    arguments = [*tiny_runs.place(workspace), *tiny_runs.TINY, "--model=fusion", "--run_name=killed"]
    program = f"""
import os, signal, sys
from cmr import train
from cmr.cli import command
from cmr.retrieval import step, summaries
def kill():
    os.kill(os.getpid(), signal.SIGKILL)
{hook}
sys.argv[1:] = {arguments!r}
command.run(train.main, train.__doc__, train.GROUPS)
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return arguments


# Before the 15th step, the 6th of the second epoch, behind the state saved at its 4th.
KILL_IN_AN_EPOCH = """
plain = step.TrainingStep.__call__
calls = 0
def counted(self, batch):
    global calls
    calls += 1
    return kill() if calls == 15 else plain(self, batch)
step.TrainingStep.__call__ = counted
"""

# An epoch's validation is recorded, then its state is saved, which begins with a flush.
KILL_BEFORE_THE_SAVE = """
validation = summaries.RetrievalRecorder.validation
def and_kill_at_the_next_flush(self, *arguments):
    validation(self, *arguments)
    summaries.RetrievalRecorder.flush = lambda self: kill()
summaries.RetrievalRecorder.validation = and_kill_at_the_next_flush
"""


def weights_of(path):
    """Every array of an HDF5 file by its path."""
    weights = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: weights.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return weights


def test_a_run_killed_twice_ends_as_if_it_never_was(scenes_workspace):
    whole, _ = tiny_runs.trained_run(scenes_workspace, "fusion")
    again = Run(scenes_workspace.run_dir("killed"))
    killed(scenes_workspace, KILL_IN_AN_EPOCH)
    assert len(tiny_runs.read_json(again.history_json)) == 1

    arguments = killed(scenes_workspace, KILL_BEFORE_THE_SAVE)
    assert len(tiny_runs.read_json(again.history_json)) == 2
    ended = tiny_runs.call_command("cmr.train", *arguments)

    assert ended.returncode == 0, ended.stderr
    assert "going on from epoch 2, step 8" in ended.stdout
    expected, resumed = weights_of(whole.best_weights), weights_of(again.best_weights)
    assert expected.keys() == resumed.keys()
    assert all(np.array_equal(expected[name], resumed[name]) for name in expected)
    assert tiny_runs.read_json(again.history_json) == tiny_runs.read_json(whole.history_json)
    measured, expected = tiny_runs.read_json(again.metrics_json), tiny_runs.read_json(whole.metrics_json)
    assert measured["test"] == expected["test"]
