"""The data sets by name, and the defaults that flags have by data set."""

import pathlib
import re
from typing import Any

from absl import flags

from cmr.config import CaptionerConfig, CaptionerTrainConfig, ModelConfig, TrainConfig
from cmr.workspace.paths import Workspace

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
        "pretrain_epochs": 8,
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


def usual(dataset: str) -> dict[str, Any]:
    """The defaults of a data set as `--dataset` names it, by flag."""
    return DEFAULTS[dataset.partition(":")[0]]


def captioner_rate(dataset: str) -> float:
    """Adam's rate for a captioner's first phase; no flag has this default, since other optimizers have other rates."""
    return usual(dataset)["captioner_rate"]


# Data sets of any size, by the name before the colon. With few training images they take the scenes' small networks and
# rate, and more epochs than Flickr8K, since an epoch of few images is short; training stops where it no longer helps.
OF_ANY_SIZE = ("custom", "tfds")
FEW_IMAGES = 3_000
OF_FEW_IMAGES = {
    "batch_size": TrainConfig.batch_size,
    "word_dim": 128,
    "gru_units": 256,
    "learning_rate": 1e-3,
    "max_epochs": 60,
    "lstm_units": 128,
    "pretrain_epochs": 60,
}


def apply_defaults(values: flags.FlagValues, training_images: int | None = None) -> list[str]:
    """Sets every flag that the user left open to the default of `values.dataset`.

    Args:
      values: parsed flags, `--dataset` among them.
      training_images: their number, by which a data set of any size has its defaults; None where it is not known.

    Returns:
      the names of the flags that were set.
    """
    defaults = usual(values.dataset)
    if values.dataset.partition(":")[0] in OF_ANY_SIZE and training_images is not None and training_images < FEW_IMAGES:
        defaults = {**defaults, **OF_FEW_IMAGES}
    left_open = [flag for flag in defaults if flag in values and values[flag].value is None]
    for flag in left_open:
        values[flag].value = defaults[flag]
    return left_open


def take_defaults(values: flags.FlagValues) -> str:
    """Does as `apply_defaults` for a prepared data set, whose training images it counts.

    Returns:
      a line that says which defaults the number of images chose; "" where it chose none.

    Raises:
      WorkspaceError: dataset.json is damaged.
    """
    images = _training_images(values)
    sizes = [flag for flag in apply_defaults(values, images) if flag in OF_FEW_IMAGES]
    if images is None or not sizes:
        return ""
    taken = " ".join(f"--{flag}={values[flag].value}" for flag in sizes)
    few = f", fewer than {FEW_IMAGES:,}" if images < FEW_IMAGES else ""
    return f"defaults for {images:,} training images{few}: {taken}\n"


def _training_images(values: flags.FlagValues) -> int | None:
    """Their number, where it chooses the defaults and the data set is prepared."""
    if values.dataset.partition(":")[0] not in OF_ANY_SIZE:
        return None
    workspace = Workspace(pathlib.Path(values.workspace_dir), values.dataset)
    if not workspace.dataset_json.exists():
        return None
    # Older versions wrote no splits.
    return workspace.read_description().get("splits", {}).get("train", {}).get("images")


def defaults_of(name: str) -> str:
    """The sentence in a flag's help that lists its defaults by data set."""
    listed = ", ".join(f"{dataset} {defaults[name]}" for dataset, defaults in DEFAULTS.items())
    few = ""
    if name in OF_FEW_IMAGES:
        few = f"; {' and '.join(OF_ANY_SIZE)} with fewer than {FEW_IMAGES:,} training images {OF_FEW_IMAGES[name]}"
    return f"Default by data set: {listed}{few}."


def is_dataset(name: str) -> bool:
    """Whether it names a data set that `--dataset` takes."""
    return name in NAMES or re.fullmatch(rf"{TFDS}\w+(/[\w.:-]+)?", name) is not None
