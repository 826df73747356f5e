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
from cmr.workspace.vocabulary import tokenize

_SMALL_COURSE = {"batch_size": 12, "learning_rate": 1e-2, "max_epochs": 12, "patience": 12}

# What a system needs to learn a few dozen images in a moment, by its name; others' defaults serve.
SMALL = {
    "devise": {"batch_size": 20, "learning_rate": 0.02, "max_epochs": 20},
    "nic": {"marginal_images": 10},
    "m_rnn": _SMALL_COURSE | {"word_dim": 8, "recurrent_units": 12, "multimodal_units": 16, "dropout": 0.0},
    **dict.fromkeys(
        m_cnn.MEMBERS,
        _SMALL_COURSE
        | {"image_units": 16, "hidden_units": 16, "filters_1": 12, "filters_2": 12, "filters_3": 12, "dropout": 0.0},
    ),
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
    if SETTINGS[name].reads_grid:
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
