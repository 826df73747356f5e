"""The course of a training, with a task whose scores are written down beforehand."""

import json

import pytest
import tensorflow as tf

from cmr.errors import ConfigError, WorkspaceError
from cmr.training import cost, loop
from cmr.training.loop import Limits, TrainingLoop, Validation
from cmr.workspace.runs import Run


class Recorded:
    """A recorder that forgets."""

    def step_loss(self, *_):
        pass

    epoch = flush = step_loss


class Counting:
    """Adds each batch, which is (epoch, step), to one weight; validation reads the next score."""

    score_name = "score"
    item_name = "things"
    rate_flag = "some_rate"
    steps_per_epoch = 4
    learning_rate = 1.0

    def __init__(self, scores, stop_at=None, loss=1.0):
        self.scores, self.stop_at, self.loss = scores, stop_at, loss
        self.weight = tf.Variable(0.0)
        self.kept, self.seen = [], []

    @property
    def trackables(self):
        return {"weight": self.weight}

    def batches(self, epoch, first_step):
        return [(epoch, step) for step in range(first_step, self.steps_per_epoch)]

    def step(self, batch):
        if batch == self.stop_at:
            raise KeyboardInterrupt
        self.seen.append(batch)
        self.weight.assign(0.5 * self.weight + batch[0] + 0.1 * batch[1])
        return self.loss, 1

    def validate(self, epoch):
        return Validation(self.scores[epoch - 1], {"score": self.scores[epoch - 1]}, "")

    def write_best(self):
        self.kept.append(float(self.weight))


def train(path, task, max_epochs=10, patience=2, checkpoint_steps=3):
    limits = Limits(max_epochs, patience, checkpoint_steps)
    TrainingLoop(task, limits, Run(path), Recorded()).fit()
    return task


def history(path):
    return json.loads(Run(path).history_json.read_text())


def test_training_ends_when_patience_does(tmp_path):
    train(tmp_path, Counting([1.0, 3.0, 2.0, 3.0, 9.0]))

    assert [row["val"]["score"] for row in history(tmp_path)] == [1.0, 3.0, 2.0, 3.0]


def test_training_ends_after_the_last_epoch(tmp_path):
    train(tmp_path, Counting([1.0, 2.0, 3.0]), max_epochs=2)

    assert [row["epoch"] for row in history(tmp_path)] == [1, 2]


def test_the_model_is_kept_whenever_it_gets_better(tmp_path):
    task = train(tmp_path, Counting([1.0, 0.5, 2.0, 2.0, 1.0]))

    assert len(task.kept) == 2


def test_of_equally_good_epochs_the_first_is_kept(tmp_path):
    task = train(tmp_path, Counting([1.0, *[2.0] * 9]))

    alone = train(tmp_path / "alone", Counting([1.0, 2.0]), max_epochs=2)
    assert task.kept == alone.kept
    assert len(history(tmp_path)) == 4


def test_scores_below_zero_serve_too(tmp_path):
    task = train(tmp_path, Counting([-30.0, -20.0, -25.0, -25.0]))

    assert len(task.kept) == 2


@pytest.mark.parametrize("stop_at", [(0, 1), (1, 0), (1, 2), (1, 3), (2, 3)])
def test_a_stopped_training_ends_like_an_uninterrupted_one(tmp_path, stop_at):
    scores = [1.0, 2.0, 1.5, 1.0]
    whole = train(tmp_path / "whole", Counting(scores))

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", Counting(scores, stop_at))
    resumed = train(tmp_path / "stopped", Counting(scores))

    assert float(resumed.weight) == float(whole.weight)
    assert history(tmp_path / "stopped") == history(tmp_path / "whole")


def test_what_a_stopped_training_cost_is_added_up(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Counting([1.0] * 9, stop_at=(1, 2)))
    before = cost.total(Run(tmp_path))

    train(tmp_path, Counting([1.0] * 9))

    after = cost.total(Run(tmp_path))
    assert 0 < before["seconds"] < after["seconds"]
    assert 0 < before["peak_memory_mb"] <= after["peak_memory_mb"]


def test_a_resumed_training_repeats_no_step_before_the_saved_state(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Counting([1.0] * 9, stop_at=(0, 3)))

    resumed = train(tmp_path, Counting([1.0] * 9))

    assert resumed.seen[0] == (0, 3)


def test_a_finished_training_is_not_trained_further(tmp_path):
    train(tmp_path, Counting([1.0, 1.0, 1.0]))

    assert train(tmp_path, Counting([9.0] * 9)).seen == []


def test_a_loss_that_is_not_finite_is_refused_with_the_flag(tmp_path):
    with pytest.raises(ConfigError, match="the loss is nan at step 1 of epoch 1; lower --some_rate"):
        train(tmp_path, Counting([1.0], loss=float("nan")))


def test_a_state_of_another_model_is_refused(tmp_path):
    train(tmp_path, Counting([1.0, 1.0, 1.0]))
    other = Counting([1.0])
    other.weight = tf.Variable([0.0, 0.0])

    with pytest.raises(WorkspaceError, match="holds no whole state of this model; remove the run's folder"):
        train(tmp_path, other)


@pytest.mark.parametrize("content", [b"", b"garbage \xff{{", b"garbage", b'model_checkpoint_path: "ckpt-99"'])
def test_a_damaged_list_of_states_is_refused_and_nothing_is_trained_again(tmp_path, content):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Counting([1.0, 2.0], stop_at=(1, 2)))
    (Run(tmp_path).checkpoints_dir / "checkpoint").write_bytes(content)
    task = Counting([1.0, 2.0])

    with pytest.raises(WorkspaceError, match="holds no whole state of this model; remove the run's folder"):
        train(tmp_path, task)

    assert task.seen == []
    with pytest.raises(WorkspaceError, match="holds no whole state of this model; remove the run's folder"):
        loop.last_state(Run(tmp_path))


def test_a_folder_without_states_has_no_last_one(tmp_path):
    assert loop.last_state(Run(tmp_path)) is None
