"""Planted data for comparators: images whose features tell their sentences, and a system's settings made small."""

import dataclasses
import pathlib
import tempfile

import keras
import numpy as np

from cmr.captioner.batches import feature_batches
from cmr.captioner.files import Captioner
from cmr.captioner.model import captioner_model
from cmr.captioner.step import CaptionerStep
from cmr.comparators import m_cnn
from cmr.comparators.registry import SYSTEMS
from cmr.comparators.settings.registry import SETTINGS
from cmr.comparators.system import Given, NeuralSystem, System
from cmr.comparators.trainer import Trainer
from cmr.config import CaptionerConfig, CaptionerTrainConfig, ComparatorTrainConfig
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.data.inputs import Inputs
from cmr.data.word_vectors import WordVectors
from cmr.evaluation.similarities import Similarities
from cmr.retrieval.summaries import SilentRecorder
from cmr.workspace.runs import Run

_SMALL_COURSE = {"batch_size": 12, "learning_rate": 1e-2, "max_epochs": 12, "patience": 12}

# What a system needs to learn a few dozen images in a moment, by its name; others' defaults serve.
SMALL = {
    "nic": {"marginal_images": 10},
    "m_rnn": _SMALL_COURSE | {"word_dim": 8, "recurrent_units": 12, "multimodal_units": 16, "dropout": 0.0},
    **dict.fromkeys(
        m_cnn.MEMBERS,
        _SMALL_COURSE
        | {"image_units": 16, "hidden_units": 16, "filters_1": 12, "filters_2": 12, "filters_3": 12, "dropout": 0.0},
    ),
    "cca": {"dims": 8, "text": "ngrams", "min_count": 1, "svd_dims": 30},
}


def small_settings(name: str):
    """A system's settings for the planted data."""
    return dataclasses.replace(SETTINGS[name](), **SMALL.get(name, {}))


def given(name: str, inputs: Inputs, seed: int = 0) -> Given:
    """What a system is made of: word vectors that differ from word to word and say nothing else."""
    random = np.random.default_rng(1)
    vectors = random.normal(size=(len(inputs.vocabulary), 20)).astype(np.float32)
    is_known = np.arange(len(inputs.vocabulary)) > 2
    vectors[~is_known] = 0.0
    return Given(
        name,
        inputs.vocabulary,
        WordVectors(vectors, is_known, "Word vectors: drawn."),
        seed,
        captioner=planted_captioner(inputs) if SETTINGS[name]().takes_captioner else None,
        members=FittedMembers(inputs, seed) if name == m_cnn.ENSEMBLE else None,
    )


def planted_captioner(inputs: Inputs) -> Captioner:
    """A captioner trained on the planted training split for a moment."""
    train, words = inputs.split("train"), inputs.vocabulary
    keras.utils.set_random_seed(0)
    dim = inputs.feature_dim(input_names.IMAGE_FEATURES)
    model = captioner_model(CaptionerConfig(dim, len(words), 12, 24, dropout=0.0))
    step = CaptionerStep(model, CaptionerTrainConfig(batch_size=12, learning_rate=2e-2), train.num_captions // 12)
    for epoch in range(12):
        for batch in feature_batches(train, 12, 0, epoch, 0):
            step(batch)
    return Captioner(model, words, tuple(train.image_ids), "scenes", "scene_cnn-layout", {}, None, {}, 0)


class FittedMembers:
    """One of m-CNN's networks four times, in the place of `members.Members`."""

    def __init__(self, inputs: Inputs, seed: int):
        with tempfile.TemporaryDirectory() as folder:
            self._system = fitted(m_cnn.MEMBERS[-1], inputs, Run(pathlib.Path(folder)), seed)

    def similarities(self, split: Examples, folds: int) -> list[Similarities]:
        return [self._system.similarities(split, folds)] * len(m_cnn.MEMBERS)


def fitted(name: str, inputs: Inputs, run: Run, seed: int = 0) -> System:
    """A registered system, fitted on the planted training split; `run` keeps a neural one's states."""
    system = SYSTEMS[name](small_settings(name), given(name, inputs, seed))
    fit(system, inputs, run)
    return system


def fit(system: System, inputs: Inputs, run: Run) -> None:
    """Fits any system."""
    train, val = inputs.split("train"), inputs.split("val")
    if isinstance(system, NeuralSystem):
        settings = system.settings
        course = ComparatorTrainConfig(settings.max_epochs, settings.patience, 4, system.given.seed)
        Trainer(system, course, run, train, val, SilentRecorder()).fit()
    else:
        system.fit(train, val)
