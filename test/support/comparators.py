"""Planted data for comparators: images whose features tell their sentences, and a system's settings made small."""

import dataclasses

import keras
import numpy as np

from cmr.comparators.registry import SYSTEMS
from cmr.comparators.settings.registry import SETTINGS
from cmr.comparators.system import Given, NeuralSystem, System
from cmr.comparators.trainer import Trainer
from cmr.config import ComparatorTrainConfig
from cmr.data import input_names
from cmr.data.inputs import Inputs
from cmr.data.word_vectors import WordVectors
from cmr.retrieval.summaries import SilentRecorder
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import tokenize

# What a system needs to learn a few dozen images in a moment, by its name; others' defaults serve.
SMALL = {
    "devise": {"batch_size": 20, "learning_rate": 0.02, "max_epochs": 20},
    "cca": {"dims": 8, "text": "ngrams", "min_count": 1, "svd_dims": 30},
    "fv": {"dims": 8, "components": 3, "pca_dims": 20, "em_iterations": 5},
    "dcca": {
        "batch_size": 120,
        "learning_rate": 0.01,
        "max_epochs": 15,
        "patience": 15,
        "hidden_units": 20,
        "dims": 8,
        "min_count": 1,
        "svd_dims": 30,
        "dropout": 0.0,
        "ridge": 0.1,
    },
    "w2vv": {
        "batch_size": 20,
        "learning_rate": 0.003,
        "max_epochs": 10,
        "gru_units": 8,
        "hidden_units": 20,
        "dropout": 0.0,
        "min_count": 1,
    },
    "deep_fragment": {"dim": 24, "dropout": 0.0, "batch_size": 15, "learning_rate": 0.01, "mil_epoch": 4},
    "dvsa": {"dim": 24, "dropout": 0.0, "batch_size": 15, "learning_rate": 0.01},
}

# Classes of ImageNet that name a thing of the planted sentences.
_CLASSES = {"dog": 248, "cat": 282, "ball": 852, "car": 817, "horse": 603}


def small_settings(name: str):
    """A system's settings for the planted data."""
    return dataclasses.replace(SETTINGS[name](), **SMALL.get(name, {}))


def planted(name: str, inputs: Inputs) -> Inputs:
    """The tiny workspace's inputs with features of the kind that a system reads."""
    stored = inputs.features[input_names.IMAGE_FEATURES]
    if SETTINGS[name].reads == "grid":
        # A cell for each half of the planted values.
        array = np.asarray(stored.array).reshape(len(stored.array), 2, -1).astype(np.float16)
    elif SETTINGS[name].reads == "predictions":
        first_captions = inputs.captions.drop_duplicates("image_id").set_index("image_id")["caption"]
        rows = [_CLASSES.get(tokenize(first_captions[image_id])[2], 0) for image_id in stored.image_ids]
        array = 0.9 * np.eye(1000, dtype=np.float32)[rows] + np.float32(1e-4)
    else:
        return inputs
    features = {input_names.IMAGE_FEATURES: dataclasses.replace(stored, array=array)}
    return dataclasses.replace(inputs, features=features)


def given(name: str, inputs: Inputs, seed: int = 0) -> Given:
    """What a system is made of: word vectors that differ from word to word and say nothing else."""
    random = np.random.default_rng(1)
    vectors = random.normal(size=(len(inputs.vocabulary), 20)).astype(np.float32)
    is_known = np.arange(len(inputs.vocabulary)) > 2
    vectors[~is_known] = 0.0
    return Given(name, inputs.vocabulary, WordVectors(vectors, is_known, "Word vectors: drawn."), seed)


def fitted(name: str, inputs: Inputs, run: Run, seed: int = 0) -> System:
    """A registered system, fitted on the planted training split; `run` keeps a neural one's states."""
    keras.utils.set_random_seed(seed)
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
