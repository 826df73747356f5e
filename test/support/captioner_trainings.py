"""Trainings of captioners that are stopped and go on."""

import pathlib
from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest

from cmr.captioner.trainer import CaptionerTrainer


def check_that_it_goes_on(
    make: Callable[[], tuple[CaptionerTrainer, keras.Model]],
    steps: int,
    path: pathlib.Path,
    whole: tuple[pathlib.Path, Sequence[np.ndarray]],
) -> None:
    """Asserts that a training that is stopped ends as one that went through.

    Args:
      make: a trainer of that folder each time, and its model.
      steps: before the step of this number, from 0 on, it is stopped.
      path: the folder.
      whole: the folder of the training that went through, and its last weights.
    """
    stopped, _ = make()
    stop_before(stopped, steps)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit()

    resumed, model = make()
    resumed.fit()

    for value, expected in zip(values_of(model), whole[1], strict=True):
        np.testing.assert_array_equal(value, expected)
    assert (path / "history.json").read_text() == (whole[0] / "history.json").read_text()


def go_through(
    path: pathlib.Path, trainer: CaptionerTrainer, model: keras.Model
) -> tuple[pathlib.Path, list[np.ndarray]]:
    """Trains without interruption; returns the folder and the last weights, for `check_that_it_goes_on`."""
    trainer.fit()
    return path, values_of(model)


def stop_before(trainer: CaptionerTrainer, count: int) -> None:
    """Lets a trainer raise, as Ctrl-C does, before its step of that number."""
    step, done = trainer.step, []

    def stopping(batch):
        if len(done) == count:
            raise KeyboardInterrupt
        done.append(batch)
        return step(batch)

    trainer.step = stopping


def values_of(model: keras.Model) -> list[np.ndarray]:
    """What is trained of it, as it is now."""
    return [weight.numpy() for weight in model.trainable_variables]
