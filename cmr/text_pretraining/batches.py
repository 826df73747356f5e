"""The tf.data pipeline that reads batches of pairs of sentences."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from cmr.config import TrainConfig
from cmr.data import input_names, order
from cmr.data.examples import Examples
from cmr.retrieval.batches import for_replicas
from cmr.text_pretraining import sentence_pairs

# The input of the second sentence of a pair, which stands where an image's features do in a training with images.
SENTENCE = "sentence"

_SHUFFLE = 3


def pair_batches(
    sentences: Examples,
    config: TrainConfig,
    epoch: int,
    first_step: int,
    num_replicas: int,
    worker: int = 0,
    num_workers: int = 1,
) -> tf.data.Dataset:
    """One epoch's batches of pairs from a step on, cut for the replicas as `retrieval.batches` cuts those with images.

    Args:
      sentences: see `sentence_pairs.pairs_of_epoch`.
      config: batch size and seed.
      epoch: from 0.
      first_step: of the epoch, from 0.
      num_replicas: replicas of all workers; replica r takes the r-th part of each batch.
      worker: this process, from 0.
      num_workers: processes.

    Returns:
      A data set that yields `caption` and `sentence`, `[pairs, time]` int32, and `image_row` `[pairs]` int32.
    """

    def steps() -> Iterator[tuple[np.ndarray]]:
        pairs = sentence_pairs.pairs_of_epoch(sentences, config.seed, epoch)
        lengths = sentences.lengths[pairs].max(axis=1)
        batches = order.shuffled_batches(lengths, config.batch_size, config.seed, epoch, _SHUFFLE)
        return ((pairs[batch],) for batch in batches[first_step:])

    def read(pairs: np.ndarray) -> list[np.ndarray]:
        first, second = pairs.T
        return [sentences.padded(first), sentences.padded(second), sentences.image_of_caption[first]]

    def stage(pairs: tf.Tensor) -> dict[str, tf.Tensor]:
        caption, sentence, rows = tf.numpy_function(read, [pairs], [tf.int32] * 3, stateful=False)
        return {
            input_names.CAPTION: tf.ensure_shape(caption, [None, None]),
            SENTENCE: tf.ensure_shape(sentence, [None, None]),
            input_names.IMAGE_ROW: tf.ensure_shape(rows, [None]),
        }

    return for_replicas(steps, stage, (2,), num_replicas, worker, num_workers)
