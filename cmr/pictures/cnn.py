"""A CNN that gives pictures their features, and the file cnn.keras that holds it for pictures to come."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from cmr.errors import WorkspaceError
from cmr.workspace import atomic_files, features

CNN_KERAS = "cnn.keras"


@dataclasses.dataclass(frozen=True)
class Cnn:
    """A CNN that runs over pictures; `streaming.stream_features` brings files to it.

    Attributes:
      model: from `[batch, input_size, input_size, 3]` float32 RGB in 0 ... 255 to `[batch, *row_shape]` float32.
      crops: 1, or 10 whose features are averaged.
    """

    model: keras.Model
    crops: int

    @property
    def input_size(self) -> int:
        """Side of its pictures in pixels."""
        return self.model.input.shape[1]

    @property
    def feature_dim(self) -> int:
        """Size of its features."""
        return self.row_shape[-1]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Of a picture's features: `(feature_dim,)`, or of a grid `(cells, feature_dim)`."""
        return tuple(map(int, self.model.output.shape[1:]))

    def features(self, squares: np.ndarray) -> np.ndarray:
        """Features of pictures.

        Args:
          squares: `[num_pictures, crops, input_size, input_size, 3]` uint8 RGB, of `files.read_crops`.

        Returns:
          `[num_pictures, *row_shape]` float32.
        """
        flat = squares.reshape(-1, *squares.shape[2:])
        rows = self._encode(tf.cast(flat, tf.float32)).numpy()
        return rows.reshape(len(squares), self.crops, *self.row_shape).mean(axis=1, dtype=np.float32)

    @functools.cached_property
    def _encode(self) -> Callable[[tf.Tensor], tf.Tensor]:
        return tf.function(lambda batch: self.model(batch, training=False), reduce_retracing=True)


def write_cnn(folder: str | os.PathLike, model: keras.Model) -> None:
    """Writes cnn.keras into a folder."""
    with atomic_files.atomic_path(pathlib.Path(folder) / CNN_KERAS) as temporary:
        model.save(temporary)


def read_cnn(folder: str | os.PathLike) -> Cnn:
    """Reads the CNN of a features' folder.

    Raises:
      WorkspaceError: there is none, as for imported features and hub modules, or it can't be read.
    """
    folder = pathlib.Path(folder)
    if not (folder / features.EXTRACTOR_JSON).exists():
        raise WorkspaceError(f"{folder} holds no features and no CNN; run data_prep.extract for {folder.name}")
    extractor = features.read_extractor(folder)
    model_name, crops = extractor["model"], extractor.get("crops")
    if not model_name or crops is None:
        raise WorkspaceError(f"the features {folder.name} were imported, so the CNN that made them is not here")
    if model_name == "hub":
        raise WorkspaceError(
            f"the features {folder.name} are of a tensorflow-hub module, which can't be kept as {CNN_KERAS}; extract "
            "features with another CNN"
        )
    path = folder / CNN_KERAS
    if not path.exists():
        raise WorkspaceError(f"{path} is missing; run data_prep.extract again, which adds it")
    return load_cnn(path, crops, "remove it and run data_prep.extract again")


def read_own_cnn(folder: str | os.PathLike) -> Cnn | None:
    """Reads the CNN that only one captioner or run has, because it was fine-tuned or imported with it.

    Returns:
      None where the captioner's CNN is that of its features.

    Raises:
      WorkspaceError: the file can't be read.
    """
    path = pathlib.Path(folder) / CNN_KERAS
    return load_cnn(path, 1, "remove the folder of its training and train again") if path.exists() else None


def load_cnn(path: pathlib.Path, crops: int, mend: str) -> Cnn:
    """Reads a file of `write_cnn`.

    Args:
      path: of the file.
      crops: as of `Cnn`.
      mend: what the user can do where it can't be read; it ends the sentence.

    Raises:
      WorkspaceError: it can't be read.
    """
    try:
        return Cnn(keras.saving.load_model(path, compile=False), crops)
    # Keras raises all of these for files that are cut off or of other kinds.
    except (ValueError, OSError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise WorkspaceError(f"{path} is damaged; {mend}") from error
