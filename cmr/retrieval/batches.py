"""The tf.data pipeline that reads training's batches, in the order of `order.Schedule`."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from cmr.config import TrainConfig
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.data.order import Schedule
from cmr.errors import ConfigError


def training_batches(
    split: Examples,
    schedule: Schedule,
    epoch: int,
    first_step: int,
    num_replicas: int,
    worker: int = 0,
    num_workers: int = 1,
) -> tf.data.Dataset:
    """One epoch's batches from a step on, cut for the replicas.

    Args:
      split: the training examples.
      schedule: made from the split's lengths.
      epoch: from 0.
      first_step: of the epoch, from 0.
      num_replicas: replicas of all workers; replica r takes the r-th part of each batch.
      worker: this process, from 0.
      num_workers: processes.

    Returns:
      A data set that yields, for each step, the parts of this worker's replicas one after the other: the model's inputs
      and `image_row` `[pairs]` int32, queries first, negatives behind.
    """

    def steps() -> Iterable[tuple[np.ndarray, ...]]:
        queries, negatives = schedule.epoch(epoch)
        return zip(queries[first_step:], negatives[first_step:], strict=True)

    return for_replicas(steps, _reader(split), (), num_replicas, worker, num_workers)


def for_replicas(
    steps: Callable[[], Iterable[Sequence[np.ndarray]]],
    stage: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    row_shape: Sequence[int],
    num_replicas: int,
    worker: int,
    num_workers: int,
) -> tf.data.Dataset:
    """Cuts batches for the replicas and reads each part.

    Args:
      steps: gives, for each step, arrays `[any, *row_shape]` int64; a replica's part is its part of each, joined.
      stage: from such a part to the tensors that are trained on.
      row_shape: of a row.
      num_replicas: see `training_batches`, and so the last two.

    Returns:
      For each step the parts of this worker's replicas one after the other.
    """
    local = num_replicas // num_workers

    def parts() -> Iterator[np.ndarray]:
        for arrays in steps():
            for replica in range(worker * local, (worker + 1) * local):
                yield np.concatenate([_part(array, replica, num_replicas) for array in arrays])

    dataset = tf.data.Dataset.from_generator(parts, output_signature=tf.TensorSpec([None, *row_shape], tf.int64))
    return dataset.map(stage, num_parallel_calls=1, deterministic=True).prefetch(4 * local)


def _part(rows: np.ndarray, replica: int, num_replicas: int) -> np.ndarray:
    size = len(rows) // num_replicas
    return rows[replica * size : (replica + 1) * size]


def _reader(split: Examples):
    """A tf.data stage: caption numbers to the tensors of their pairs."""
    names = list(split.features)

    def read(captions: np.ndarray) -> list[np.ndarray]:
        images = split.image_of_caption[captions]
        inputs = split.image_inputs(images)
        return [split.padded(captions), images, *(inputs[name] for name in names)]

    def stage(captions: tf.Tensor) -> dict[str, tf.Tensor]:
        types = [tf.int32, tf.int32, *(tf.as_dtype(split.features[name].dtype) for name in names)]
        caption, image_row, *features = tf.numpy_function(read, [captions], types, stateful=False)
        batch = {input_names.CAPTION: tf.ensure_shape(caption, [None, None])}
        batch[input_names.IMAGE_ROW] = tf.ensure_shape(image_row, [None])
        for name, value in zip(names, features, strict=True):
            batch[name] = tf.ensure_shape(value, [None, *split.features[name].row_shape])
        return batch

    return stage


def check_replicas(config: TrainConfig, num_replicas: int) -> None:
    """Refuses batches that can't be shared out equally.

    Args:
      config: batch size and negatives.
      num_replicas: of all workers.

    Raises:
      ConfigError: naming the flag.
    """
    sizes = {"batch_size": config.batch_size, "num_negatives": config.negatives_per_batch}
    for flag, size in sizes.items():
        if size % num_replicas:
            raise ConfigError(f"--{flag}={size} can't be shared out to {num_replicas} replicas; take a multiple")
