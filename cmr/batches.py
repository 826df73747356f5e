"""Batches of training: which sentences, in which order, and the tf.data pipeline that reads them.

The order is a function of (seed, step): an epoch is a full shuffle of the training sentences, cut into windows that are
sorted by length, cut into batches and shuffled again, so that a batch pads little. A resumed run asks for the step it
stopped at and gets what it would have got.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from cmr import config as config_lib
from cmr import errors, examples, training_step

# Sorted together, this many batches pad by a few percent and still mix most lengths.
_WINDOW_BATCHES = 50

# Streams of random numbers that share a seed and an epoch.
_QUERIES, _NEGATIVES = 0, 1


def shuffled_batches(lengths: np.ndarray, batch_size: int, seed: int, epoch: int, stream: int) -> np.ndarray:
    """A shuffle of the sentences in batches of similar length.

    Args:
      lengths: `[num_captions]` words of each sentence.
      batch_size: sentences a batch.
      seed: of the run.
      epoch: number of the epoch, from 0.
      stream: keeps the queries' shuffle and the negatives' independent.

    Returns:
      `[num_captions // batch_size, batch_size]` int64: each sentence at most once; the remainder, other sentences in
      every epoch, is left out.
    """
    random = np.random.default_rng([seed, epoch, stream])
    steps = len(lengths) // batch_size
    order = random.permutation(len(lengths))[: steps * batch_size]
    windows = np.split(order, range(batch_size * _WINDOW_BATCHES, len(order), batch_size * _WINDOW_BATCHES))
    by_length = [window[np.argsort(lengths[window], kind="stable")] for window in windows]
    return random.permutation(np.concatenate(by_length).reshape(steps, batch_size))


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Which pairs each step trains on.

    Attributes:
      lengths: `[num_captions]` words of each training sentence.
      config: batch size, negatives and seed.
    """

    lengths: np.ndarray
    config: config_lib.TrainConfig

    def __post_init__(self):
        pairs = max(self.config.batch_size, self.config.negatives_per_batch)
        if len(self.lengths) < pairs:
            raise errors.ConfigError(
                f"the training split has {len(self.lengths)} sentences, fewer than a batch's {pairs}; "
                "lower --batch_size (and --num_negatives)"
            )

    @property
    def steps_per_epoch(self) -> int:
        return len(self.lengths) // self.config.batch_size

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Queries `[steps, batch_size]` and negatives `[steps, negatives_per_batch]` int64 of an epoch."""
        queries = shuffled_batches(self.lengths, self.config.batch_size, self.config.seed, epoch, _QUERIES)
        return queries, self._negatives(epoch)

    def _negatives(self, epoch: int) -> np.ndarray:
        size = self.config.negatives_per_batch
        steps = self.steps_per_epoch
        if not size:
            return np.zeros((steps, 0), np.int64)
        # With more negatives than queries a batch, one shuffle does not last the epoch; the next ones go on.
        shuffles, stream = [], _NEGATIVES
        while sum(map(len, shuffles)) < steps:
            shuffles.append(shuffled_batches(self.lengths, size, self.config.seed, epoch, stream))
            stream += 1
        return np.concatenate(shuffles)[:steps]


def training_batches(
    split: examples.Examples,
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
    local = num_replicas // num_workers
    replicas = range(worker * local, (worker + 1) * local)

    def pairs() -> Iterator[np.ndarray]:
        queries, negatives = schedule.epoch(epoch)
        for step in range(first_step, schedule.steps_per_epoch):
            for replica in replicas:
                yield np.concatenate(
                    [_part(queries[step], replica, num_replicas), _part(negatives[step], replica, num_replicas)]
                )

    dataset = tf.data.Dataset.from_generator(pairs, output_signature=tf.TensorSpec([None], tf.int64))
    dataset = dataset.map(_reader(split), num_parallel_calls=1, deterministic=True)
    return dataset.prefetch(4 * local)


def _part(captions: np.ndarray, replica: int, num_replicas: int) -> np.ndarray:
    size = len(captions) // num_replicas
    return captions[replica * size : (replica + 1) * size]


def _reader(split: examples.Examples):
    """A tf.data stage: caption numbers to the tensors of their pairs."""
    names = list(split.features)

    def read(captions: np.ndarray) -> list[np.ndarray]:
        images = split.image_of_caption[captions]
        inputs = split.image_inputs(images)
        return [split.padded(captions), images, *(inputs[name] for name in names)]

    def stage(captions: tf.Tensor) -> dict[str, tf.Tensor]:
        types = [tf.int32, tf.int32, *(tf.float32 for _ in names)]
        caption, image_row, *features = tf.numpy_function(read, [captions], types, stateful=False)
        batch = {"caption": tf.ensure_shape(caption, [None, None])}
        batch[training_step.IMAGE_ROW] = tf.ensure_shape(image_row, [None])
        for name, value in zip(names, features, strict=True):
            batch[name] = tf.ensure_shape(value, [None, split.features[name].array.shape[1]])
        return batch

    return stage


def check_replicas(config: config_lib.TrainConfig, num_replicas: int) -> None:
    """Refuses batches that can't be shared out equally.

    Raises:
      ConfigError: naming the flag.
    """
    sizes = {"batch_size": config.batch_size, "num_negatives": config.negatives_per_batch}
    for flag, size in sizes.items():
        if size % num_replicas:
            raise errors.ConfigError(f"--{flag}={size} can't be shared out to {num_replicas} replicas; take a multiple")
