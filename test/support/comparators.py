"""Planted data for comparators: images whose features tell their sentences, and a system's settings made small."""

import dataclasses

import numpy as np

from cmr.comparators.registry import SYSTEMS
from cmr.comparators.settings.registry import SETTINGS
from cmr.comparators.system import Given, NeuralSystem, System
from cmr.comparators.trainer import Trainer
from cmr.config import ComparatorTrainConfig
from cmr.data.inputs import Inputs
from cmr.data.word_vectors import WordVectors
from cmr.retrieval.summaries import SilentRecorder
from cmr.workspace.runs import Run

# What a system needs to learn a few dozen images in a moment, by its name; others' defaults serve.
SMALL = {
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
    return Given(name, inputs.vocabulary, WordVectors(vectors, is_known, "Word vectors: drawn."), seed)


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
