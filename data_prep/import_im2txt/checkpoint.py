"""Variables of a TensorFlow 1 checkpoint, by name and shape."""

import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from cmr.errors import DataError

# A checkpoint is named without these endings of its files.
_FILE_ENDING = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")


class Checkpoint:
    """An opened checkpoint.

    Args:
      path: its name, such as `model.ckpt-2000000`, one of its files, or a folder whose newest checkpoint is meant.

    Raises:
      DataError: there is none, or it can't be read.
    """

    def __init__(self, path: str):
        self.path = _FILE_ENDING.sub("", path)
        try:
            self._reader = tf.train.load_checkpoint(self.path)
        # A damaged index gives any of TensorFlow's errors, a missing one a bare ValueError.
        except (tf.errors.OpError, ValueError, RuntimeError) as error:
            raise DataError(
                f"--checkpoint={path} is no TensorFlow checkpoint; give its name without an ending, such as "
                "model.ckpt-2000000, beside which model.ckpt-2000000.index lies"
            ) from error
        self._shapes = self._reader.get_variable_to_shape_map()

    def has(self, name: str) -> bool:
        return name in self._shapes

    def read(self, name: str, shape: Sequence[int | None]) -> np.ndarray:
        """Reads a variable.

        Args:
          name: the variable.
          shape: what it must be; None for a size that is anything.

        Returns:
          float32 of that shape.

        Raises:
          DataError: it is missing, of another shape, not of finite numbers, or its data file is damaged.
        """
        if name not in self._shapes:
            raise DataError(f"{self.path} has no variable {name}; give a checkpoint of im2txt's training")
        collected = self._shapes[name]
        if len(collected) != len(shape) or any(
            want not in (None, size) for want, size in zip(shape, collected, strict=True)
        ):
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise DataError(f"{self.path}: {name} is {list(collected)}, not [{wanted}]; this is not im2txt's model")
        try:
            values = np.asarray(self._reader.get_tensor(name), np.float32)
        except (tf.errors.OpError, ValueError, RuntimeError) as error:
            raise DataError(f"{self.path}: {name} can't be read; fetch the checkpoint again") from error
        if not np.isfinite(values).all():
            raise DataError(f"{self.path}: {name} holds NaN or infinite values; take another checkpoint")
        return values
