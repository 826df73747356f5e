"""The course of a training: epochs, validation, early stopping, saved states and going on from them."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf

from cmr import progress
from cmr.errors import ConfigError, WorkspaceError
from cmr.training.cost import Cost
from cmr.training.stage_errors import with_stage_errors
from cmr.training.workers import Workers
from cmr.workspace.json_kinds import Anything
from cmr.workspace.runs import Run

# A loss is read behind this many steps: to read it is to wait for it, and a GPU that is waited for idles.
_READ_EVERY = 20


@dataclasses.dataclass(frozen=True)
class Limits:
    """When training ends, and how often its state is saved.

    Attributes:
      max_epochs: epochs at most.
      patience: epochs without a better score before training stops.
      checkpoint_steps: steps between two saved states; the end of an epoch saves one too.
    """

    max_epochs: int
    patience: int
    checkpoint_steps: int


@dataclasses.dataclass(frozen=True)
class Validation:
    """What a validation came to.

    Attributes:
      score: the more the better.
      entry: of history.json.
      line: for people.
    """

    score: float
    entry: Any
    line: str


class Recorder(Protocol):
    """What TensorBoard shows of the training itself."""

    def step_loss(self, step: int, loss: float) -> None:
        """The loss of one step (counted from 1 over all epochs)."""

    def epoch(self, epoch: int, loss: float, learning_rate: float, items_per_second: float) -> None:
        """What an epoch of training came to."""

    def flush(self) -> None:
        """Makes what was recorded safe on the disk."""


class Task(Protocol):
    """What is trained.

    Attributes:
      score_name: what `Validation.score` measures, such as "sum of recalls".
      item_name: what the rate counts, such as "sentences".
      rate_flag: flag of the learning rate.
      steps_per_epoch: batches of an epoch.
      trackables: all that training changes, by the names of the checkpoint.
      learning_rate: of the next step.
    """

    score_name: str
    item_name: str
    rate_flag: str

    @property
    def steps_per_epoch(self) -> int: ...

    @property
    def trackables(self) -> Mapping[str, Any]: ...

    @property
    def learning_rate(self) -> float: ...

    def batches(self, epoch: int, first_step: int) -> Iterable:
        """The batches of an epoch from a step on: a function of the seed and both, so that a killed run goes on."""

    def step(self, batch) -> tuple[Any, Any]:
        """Trains by one batch; returns its loss and how many items it held, as numbers or tensors."""

    def validate(self, epoch: int) -> Validation:
        """Measures the model after an epoch (from 1), and records the numbers."""

    def write_best(self) -> None:
        """Keeps the model as it is."""


def dropout_states(model: keras.Model) -> list[tf.Variable]:
    """The states of a model's random numbers, on which its next dropout masks depend, for a task's trackables.

    TensorFlow's checkpoints pass by them. The other variables that are not trained come along, twice but unharmed.
    """
    return [variable.value for variable in model.non_trainable_variables]


def last_state(run: Run) -> str | None:
    """The last state of a training, as TensorFlow restores it; None where there is none.

    Raises:
      WorkspaceError: there was one, and it is damaged or not there any more: training all again could cost days.
    """
    with whole_state(run):
        last = tf.train.latest_checkpoint(run.checkpoints_dir)
        if last is None and (run.checkpoints_dir / "checkpoint").exists():
            raise ValueError("its files are gone")
    return last


@contextlib.contextmanager
def whole_state(run: Run) -> Iterator[None]:
    """Whatever a block that reads a run's states trips over is one sentence.

    Raises:
      WorkspaceError: naming the folder.
    """
    try:
        yield
    # TensorFlow reports a file that was cut as an IndexError, a list of states that is no text as a ValueError.
    except (AssertionError, ValueError, IndexError, tf.errors.OpError) as error:
        raise WorkspaceError(
            f"{run.checkpoints_dir} holds no whole state of this model; remove the run's folder"
        ) from error


class TrainingLoop:
    """Trains a task to early stopping.

    It is not Keras's `fit`: when Keras 3 resumes, BackupAndRestore restores no batch, so an epoch that was interrupted
    begins again with weights that have seen some of it, and EarlyStopping has forgotten the best score and how long it
    has waited.

    What it has done stands in `state`, which is saved with what the task trains; everything else follows from (seed,
    epoch, step), so a run that was killed goes on to the weights it would have had.

    Args:
      task: what is trained.
      limits: when it ends.
      run: the run's folder.
      recorder: what TensorBoard shows.
      workers: the processes that train together; the chief writes the run's files, and reads the state for all.
    """

    def __init__(self, task: Task, limits: Limits, run: Run, recorder: Recorder, workers: Workers | None = None):
        self._task = task
        self._limits = limits
        self._run = run
        self._recorder = recorder
        self._workers = workers or Workers()
        self._state = {
            "epoch": tf.Variable(0, dtype=tf.int64, trainable=False),
            "step_in_epoch": tf.Variable(0, dtype=tf.int64, trainable=False),
            self._best: tf.Variable(-math.inf, dtype=tf.float64, trainable=False),
            "epochs_without_gain": tf.Variable(0, dtype=tf.int64, trainable=False),
            "loss_sum": tf.Variable(0.0, dtype=tf.float64, trainable=False),
        }
        self._tracked = {**task.trackables, **self._state}
        checkpoint = tf.train.Checkpoint(**self._tracked)
        with whole_state(run):
            self._checkpoints = tf.train.CheckpointManager(checkpoint, str(run.checkpoints_dir), max_to_keep=1)

    def fit(self) -> None:
        """Trains until patience or epochs end; the task keeps its best model."""
        if self._workers.is_chief:
            self._cost = Cost(self._run)
            self._restore()
        self._workers.take_chiefs(self._tracked)
        if self._get("epoch") or self._get("step_in_epoch"):
            print(f"going on from epoch {self._get('epoch') + 1}, step {self._get('step_in_epoch')}", flush=True)
        while not self._is_done():
            self._train_epoch()
            self._validate()
            self._save()
        print(
            f"training ended after epoch {self._get('epoch')}, {self._get('epochs_without_gain')} without a better "
            f"validation {self._task.score_name}",
            flush=True,
        )

    @property
    def _best(self) -> str:
        return f"best_{self._task.score_name.replace(' ', '_')}"

    def _restore(self) -> None:
        last = last_state(self._run)
        if last is None:
            return
        with whole_state(self._run):
            self._checkpoints.checkpoint.restore(last).assert_consumed()
            step, epoch = self._get("step_in_epoch"), self._get("epoch")
            if not (0 <= step <= self._task.steps_per_epoch and epoch >= 0 and math.isfinite(self._get("loss_sum"))):
                raise ValueError("numbers out of range")

    def _is_done(self) -> bool:
        return (
            self._get("epoch") >= self._limits.max_epochs or self._get("epochs_without_gain") >= self._limits.patience
        )

    def _train_epoch(self) -> None:
        epoch, first = int(self._get("epoch")), int(self._get("step_in_epoch"))
        steps = self._task.steps_per_epoch
        total = self._get("loss_sum")
        started, items, waiting = time.monotonic(), 0, []
        dataset = with_stage_errors(self._task.batches(epoch, first))
        with progress.progress_bar(steps, "step", f"epoch {epoch + 1}/{self._limits.max_epochs}", first) as bar:
            for step, batch in enumerate(dataset, start=first + 1):
                waiting.append(self._task.step(batch))
                bar.update()
                saves = step % self._limits.checkpoint_steps == 0 and step < steps
                if saves or step == steps or len(waiting) == _READ_EVERY:
                    first_waiting = step - len(waiting) + 1
                    losses, counts = self._read(waiting, epoch, first_waiting)
                    waiting.clear()
                    total, items = sum(losses, total), sum(counts, items)
                    bar.set_postfix(loss=f"{total / step:.3f}", refresh=False)
                    for number, loss in enumerate(losses, start=epoch * steps + first_waiting):
                        self._recorder.step_loss(number, loss)
                if saves:
                    self._set(step_in_epoch=step, loss_sum=total)
                    self._save()
        rate = items / max(time.monotonic() - started, 1e-9)
        self._set(step_in_epoch=steps, loss_sum=total)
        self._recorder.epoch(epoch + 1, total / steps, self._task.learning_rate, rate)
        print(f"epoch {epoch + 1}: loss {total / steps:.4f}, {rate:.0f} {self._task.item_name}/s", flush=True)

    def _read(self, waiting: Sequence[tuple], epoch: int, first_step: int) -> tuple[list[float], list[int]]:
        """Losses and numbers of items of steps that follow each other.

        Raises:
          ConfigError: a loss is not finite.
        """
        losses = [float(loss) for loss, _ in waiting]
        for step, loss in enumerate(losses, start=first_step):
            if not math.isfinite(loss):
                raise ConfigError(
                    f"the loss is {loss} at step {step} of epoch {epoch + 1}; lower --{self._task.rate_flag}"
                )
        return losses, [int(count) for _, count in waiting]

    def _validate(self) -> None:
        epoch, best = int(self._get("epoch")) + 1, self._get(self._best)
        validation = self._task.validate(epoch)
        score = self._workers.chiefs(validation.score)
        gained = score > best
        if gained and self._workers.is_chief:
            self._task.write_best()
        self._append_history(epoch, validation)
        print(f"         val {validation.line}{' (best so far, kept)' if gained else ''}", flush=True)
        self._set(
            **{self._best: max(best, score)},
            epoch=epoch,
            step_in_epoch=0,
            loss_sum=0.0,
            epochs_without_gain=0 if gained else self._get("epochs_without_gain") + 1,
        )

    def _append_history(self, epoch: int, validation: Validation) -> None:
        if not self._workers.is_chief:
            return
        kept = self._run.read_history(Anything()) if self._run.history_json.exists() else []
        # An epoch that a killed run had already written is written again, with the same numbers.
        kept = [row for row in kept if row["epoch"] < epoch]
        row = {"epoch": epoch, "loss": self._get("loss_sum") / self._task.steps_per_epoch, "val": validation.entry}
        self._run.write_history([*kept, row])

    def _save(self) -> None:
        self._recorder.flush()
        if self._workers.is_chief:
            self._checkpoints.save()
            self._cost.keep()

    def _get(self, name: str) -> float:
        return self._state[name].numpy().item()

    def _set(self, **values: float) -> None:
        for name, value in values.items():
            self._state[name].assign(value)
