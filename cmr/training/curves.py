"""What TensorBoard shows of any training: the flags as text, and the curves of loss, learning rate and speed."""

import pathlib

import numpy as np
import tensorflow as tf

# Every this many steps the loss of a step is a point of the curve.
_LOSS_EVERY = 20


def spread_over(num_items: int, count: int) -> np.ndarray:
    """Numbers of `count` items at equal distances, the same in every run and epoch: `[at most count]` int64."""
    return np.linspace(0, num_items - 1, min(count, num_items)).astype(int)


class TrainingCurves:
    """Writes TensorBoard events.

    Args:
      path: folder of the events.
      flags_text: the run's flags, shown as text.
      rate_name: of the curve of the speed, such as `words_per_second`.
    """

    def __init__(self, path: pathlib.Path, flags_text: str, rate_name: str):
        self._path = path
        self._rate_name = rate_name
        self._writer = tf.summary.create_file_writer(str(path))
        lines = "\n".join(f"    {line}" for line in flags_text.splitlines())
        with self._writer.as_default(step=0):
            tf.summary.text("flags", lines)

    def step_loss(self, step: int, loss: float) -> None:
        """The loss of one step (counted from 1 over all epochs)."""
        if step % _LOSS_EVERY == 0:
            with self._writer.as_default(step=step):
                tf.summary.scalar("train/loss", loss)

    def epoch(self, epoch: int, loss: float, learning_rate: float, items_per_second: float) -> None:
        """What an epoch of training came to."""
        with self._writer.as_default(step=epoch):
            tf.summary.scalar("epoch/loss", loss)
            tf.summary.scalar("epoch/learning_rate", learning_rate)
            tf.summary.scalar(f"epoch/{self._rate_name}", items_per_second)

    def flush(self) -> None:
        """Makes what was recorded safe on the disk."""
        self._writer.flush()
