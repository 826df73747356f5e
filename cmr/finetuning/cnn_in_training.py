"""A CNN that learns with what reads its features: where its pictures are, and its part in a step of training."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping

import keras
import tensorflow as tf

from cmr.config import MAX_PIXELS
from cmr.errors import ConfigError
from cmr.pictures import cnn
from cmr.pictures.cnn import CNN_KERAS, Cnn
from cmr.workspace import checksums


@dataclasses.dataclass(frozen=True)
class TrainedCnn:
    """A CNN that is trained.

    Attributes:
      encoder: the CNN.
      image_dir: folder of the pictures.
      max_pixels: as in `pictures.files.read_rgb`.
    """

    encoder: Cnn
    image_dir: pathlib.Path
    max_pixels: int = MAX_PIXELS


def read_trained_cnn(folder: str | os.PathLike, image_dir: pathlib.Path, max_pixels: int = MAX_PIXELS) -> TrainedCnn:
    """Reads the CNN of a features' folder for training.

    Args:
      folder: `features/<name>`.
      image_dir: folder of the pictures.
      max_pixels: as of `TrainedCnn`.

    Raises:
      WorkspaceError: there is none, as for imported features, or it can't be read.
      ConfigError: the features are means of several crops.
    """
    encoder = cnn.read_cnn(folder)
    if encoder.crops != 1:
        raise ConfigError(
            f"the features {pathlib.Path(folder).name} are means of {encoder.crops} crops, through which no CNN is "
            "trained; give --crops=1"
        )
    return TrainedCnn(encoder, image_dir, max_pixels)


def checksum(folder: str | os.PathLike) -> str:
    """SHA-256 of the CNN of a features' folder."""
    return checksums.files_sha256([pathlib.Path(folder) / CNN_KERAS])


def with_features(parts: Mapping[str, keras.Model], batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A batch with features where it has what CNNs read; their batch statistics and dropout stay as in extraction.

    Args:
      parts: input name of the trained model -> the trained CNN, or the trained part of it.
      batch: under these names pictures `[batch, size, size, 3]` uint8 or maps `[batch, height, width, channels]`.

    Returns:
      The same with features `[batch, feature_dim]` float32 under these names; gradients flow through them.
    """
    features = {name: part(tf.cast(batch[name], tf.float32), training=False) for name, part in parts.items()}
    return {**batch, **features}
