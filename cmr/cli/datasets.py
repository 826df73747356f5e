"""The data sets by name, and the defaults that flags have by data set."""

import re

from absl import flags

from cmr.config import CaptionerConfig, CaptionerTrainConfig, ModelConfig, TrainConfig

NAMES = ("scenes", "flickr8k", "flickr30k", "mscoco", "custom")
# `tfds:NAME` is the data set NAME of tensorflow-datasets.
TFDS = "tfds:"

_REAL_IMAGES = {
    "vgg_model": "vgg16",
    "image_model": "inception_v3",
    "word_dim": ModelConfig.word_dim,
    "gru_units": ModelConfig.gru_units,
    "batch_size": TrainConfig.batch_size,
    "learning_rate": TrainConfig.learning_rate,
    "max_epochs": TrainConfig.max_epochs,
    "lstm_units": CaptionerConfig.lstm_units,
    "pretrain_epochs": CaptionerTrainConfig.max_epochs,
    "pretrain_batch_size": CaptionerTrainConfig.batch_size,
    "captioner_rate": CaptionerTrainConfig.learning_rate,
    "caption_dropout": CaptionerConfig.dropout,
    "feature_norm": 0.0,
    "pretrain_decay": CaptionerTrainConfig.decay,
}

# Batch sizes: section 4.2 of the paper. The embedded data set is small, so it takes small networks and a higher rate.
DEFAULTS = {
    "scenes": {
        "vgg_model": "scene_cnn",
        "image_model": "scene_cnn",
        "batch_size": TrainConfig.batch_size,
        "word_dim": 128,
        "gru_units": 256,
        "learning_rate": 1e-3,
        "max_epochs": 15,
        "lstm_units": 256,
        "pretrain_epochs": 6,
        "pretrain_batch_size": 64,
        "captioner_rate": 4e-3,
        "caption_dropout": 0.1,
        "feature_norm": 4.0,
        "pretrain_decay": "cosine",
    },
    "flickr8k": _REAL_IMAGES,
    "flickr30k": {**_REAL_IMAGES, "batch_size": 100},
    "mscoco": {**_REAL_IMAGES, "batch_size": 100},
    "custom": _REAL_IMAGES,
    "tfds": {**_REAL_IMAGES, "batch_size": 100},
}


def captioner_rate(dataset: str) -> float:
    """Adam's rate for a captioner's first phase; no flag has this default, since other optimizers have other rates."""
    return DEFAULTS[dataset.partition(":")[0]]["captioner_rate"]


def apply_defaults(values: flags.FlagValues) -> None:
    """Sets every flag that the user left open to the default of `values.dataset`."""
    for name, default in DEFAULTS[values.dataset.partition(":")[0]].items():
        if name in values and values[name].value is None:
            values[name].value = default


def defaults_of(name: str) -> str:
    """The sentence in a flag's help that lists its defaults by data set."""
    listed = ", ".join(f"{dataset} {defaults[name]}" for dataset, defaults in DEFAULTS.items())
    return f"Default by data set: {listed}."


def is_dataset(name: str) -> bool:
    """Whether it names a data set that `--dataset` takes."""
    return name in NAMES or re.fullmatch(rf"{TFDS}\w+(/[\w.:-]+)?", name) is not None
