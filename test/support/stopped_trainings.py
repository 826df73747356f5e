"""Real trainings of a tiny model in this process, at once and stopped again and again."""

import dataclasses
import pathlib

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_runs

from cmr.config import ModelConfig, TrainConfig
from cmr.data.inputs import Inputs
from cmr.retrieval.model import retrieval_model
from cmr.retrieval.step import TrainingStep
from cmr.retrieval.summaries import SilentRecorder
from cmr.retrieval.trainer import Trainer
from cmr.workspace.ngrams import Ngrams
from cmr.workspace.runs import Run

# 4 steps an epoch, states saved behind the second and the last.
_TRAIN = TrainConfig(0.7, "sum", "batch", 0, 30, 0.03, 2.0, 2, 2, 2, 0)
_MODEL = ModelConfig("fusion", 10, 14, 60, word_dim=4, gru_units=5, text_space_dim=4)


def check_that_stopping_changes_nothing(
    path: pathlib.Path,
    inputs: Inputs,
    patch: pytest.MonkeyPatch,
    model: dict[str, object] | None = None,
    train: dict[str, object] | None = None,
    ngrams: Ngrams | None = None,
    **others: object,
) -> None:
    """Asserts that a training stopped before its 4th and its 8th step ends as one that went through.

    Args:
      path: folder of the runs.
      inputs: the tiny workspace's.
      patch: takes the stopping back.
      model: changed settings of the model.
      train: changed settings of the training.
      ngrams: for a model that reads them.
      others: further arguments of the trainer.
    """
    whole, stopped = Run(path / "whole"), Run(path / "stopped")
    fit(whole, inputs, model, train, ngrams, **others)
    # The second time it goes on behind the second step, whose state was saved.
    for steps in (4, 6):
        with patch.context() as stopping, pytest.raises(KeyboardInterrupt):
            stop_before(steps, stopping)
            fit(stopped, inputs, model, train, ngrams, **others)
    fit(stopped, inputs, model, train, ngrams, **others)

    assert tiny_runs.read_json(stopped.history_json) == tiny_runs.read_json(whole.history_json)
    expected, kept = arrays(whole.best_weights), arrays(stopped.best_weights)
    assert expected.keys() == kept.keys()
    assert all(np.array_equal(expected[name], kept[name]) for name in expected)


def new_model(changed: dict[str, object] | None = None, ngrams: Ngrams | None = None) -> keras.Model:
    """The tiny model as it begins, with changed settings."""
    keras.utils.set_random_seed(3)
    return retrieval_model(dataclasses.replace(_MODEL, **(changed or {})), ngrams=ngrams)


def fit(
    run: Run,
    inputs: Inputs,
    model: dict[str, object] | None = None,
    train: dict[str, object] | None = None,
    ngrams: Ngrams | None = None,
    **others: object,
) -> keras.Model:
    """Trains the tiny model, or goes on with it; arguments as above. Returns it with its last weights."""
    built, strategy = new_model(model, ngrams), tf.distribute.get_strategy()
    settings = dataclasses.replace(_TRAIN, **(train or {}))
    splits = inputs.split("train"), inputs.split("val")
    # So few steps take less time than it takes to compile one; TensorFlow warns that its data sets stay compiled.
    tf.config.run_functions_eagerly(True)
    try:
        Trainer(built, settings, strategy, run, *splits, SilentRecorder(), **others).fit()
    finally:
        tf.config.run_functions_eagerly(False)
    return built


def stop_before(count: int, patch: pytest.MonkeyPatch) -> None:
    """Lets a training be interrupted where its step of this number, from 1 on, would begin."""
    step, batches = TrainingStep.__call__, []

    def counted(self, batch):
        batches.append(batch)
        if len(batches) == count:
            raise KeyboardInterrupt
        return step(self, batch)

    patch.setattr(TrainingStep, "__call__", counted)


def arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Every array of an HDF5 file by its path."""
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays
