"""The tf.data pipeline that reads training's batches, in the order of `order.Schedule`."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from cmr.config import TrainConfig
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.data.order import Schedule
from cmr.data.teacher_rows import TeacherRows
from cmr.errors import ConfigError


def training_batches(
    split: Examples,
    schedule: Schedule,
    epoch: int,
    first_step: int,
    num_replicas: int,
    worker: int = 0,
    num_workers: int = 1,
    teachers: TeacherRows | None = None,
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
      teachers: of the split; None without.

    Returns:
      A data set that yields, for each step, the parts of this worker's replicas one after the other: the model's inputs
      and `image_row` `[pairs]` int32, queries first, negatives behind; with teachers `teacher_image` and
      `teacher_caption` `[pairs, dim]` float32 beside them.
    """

    def steps() -> Iterable[tuple[np.ndarray, ...]]:
        queries, negatives = schedule.epoch(epoch)
        return zip(queries[first_step:], negatives[first_step:], strict=True)

    return for_replicas(steps, _reader(split, teachers), (), num_replicas, worker, num_workers)


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


def _reader(split: Examples, teachers: TeacherRows | None):
    """A tf.data stage: caption numbers to the tensors of their pairs."""
    specs = {
        input_names.CAPTION: tf.TensorSpec([None, None], tf.int32),
        input_names.IMAGE_ROW: tf.TensorSpec([None], tf.int32),
    }
    for name, rows in split.features.items():
        specs[name] = tf.TensorSpec([None, *rows.row_shape], tf.as_dtype(rows.dtype))
    if teachers:
        of_teachers = tf.TensorSpec([None, teachers.dim], tf.float32)
        specs |= {input_names.TEACHER_IMAGE: of_teachers, input_names.TEACHER_CAPTION: of_teachers}

    def read(captions: np.ndarray) -> list[np.ndarray]:
        images = split.image_of_caption[captions]
        taught = teachers.take(images, captions) if teachers else ()
        return [split.padded(captions), images, *split.image_inputs(images).values(), *taught]

    def stage(captions: tf.Tensor) -> dict[str, tf.Tensor]:
        values = tf.numpy_function(read, [captions], [spec.dtype for spec in specs.values()], stateful=False)
        return {
            name: tf.ensure_shape(value, spec.shape) for (name, spec), value in zip(specs.items(), values, strict=True)
        }

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
