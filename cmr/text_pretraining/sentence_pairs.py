"""Sentences of several data sets, and pairs of two that describe one image."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import tensorflow as tf

from cmr.config import TrainConfig
from cmr.data import input_names, order
from cmr.data.examples import Examples
from cmr.workspace import captions
from cmr.workspace.captions import COLUMNS, EVALUATED

# The input of the second sentence of a pair, which stands where an image's features do in a training with images.
SENTENCE = "sentence"

# Streams of random numbers beside those of `order`, which share a seed and an epoch with them.
_PAIRS, _BATCHES = 2, 3


@dataclasses.dataclass(frozen=True)
class Gathered:
    """Sentences to learn from.

    Attributes:
      captions: a table of the columns of captions.csv, every image in the split `train`.
      left_out: images of the other data sets that are measured on in this one.
    """

    captions: pd.DataFrame
    left_out: int


def gather(own: pd.DataFrame, others: Mapping[str, pd.DataFrame]) -> Gathered:
    """Puts the sentences of other data sets beside the training sentences, each photograph once.

    A photograph of the val or test split is left out wherever it comes from: Flickr30K holds those of Flickr8K.

    Args:
      own: captions.csv of the data set.
      others: name of another data set -> its captions.csv, of which all splits are taken.
    """
    photographs = own["image_id"].map(captions.photograph)
    evaluated = set(photographs[own["split"].isin(EVALUATED)])
    is_train = own["split"] == "train"
    parts, taken, left_out = [own[is_train]], set(photographs[is_train]), 0
    for name, table in others.items():
        photographs = table["image_id"].map(captions.photograph)
        left_out += photographs[photographs.isin(evaluated)].nunique()
        table = table[~photographs.isin(evaluated | taken)]
        taken |= set(photographs)
        # Another data set's image may have the same id and be another photograph's.
        parts.append(table.assign(image_id=name + "/" + table["image_id"], split="train"))
    return Gathered(pd.concat(parts, ignore_index=True)[list(COLUMNS)], left_out)


def num_pairs(sentences: Examples) -> int:
    """Pairs of an epoch: half as many as an image has sentences, rounded down, of each."""
    return int(np.sum(np.bincount(sentences.image_of_caption) // 2))


def pairs_of_epoch(sentences: Examples, seed: int, epoch: int) -> np.ndarray:
    """Pairs of sentences of one image, drawn anew every epoch; a sentence is in one pair at most.

    Args:
      sentences: of images, those of an image together.
      seed: of the run.
      epoch: from 0.

    Returns:
      `[num_pairs, 2]` int64, numbers of sentences.
    """
    images = sentences.image_of_caption
    drawn = np.random.default_rng([seed, epoch, _PAIRS]).random(len(images))
    shuffled = np.lexsort((drawn, images))
    counts = np.bincount(images)
    place = np.arange(len(images)) - np.repeat(np.cumsum(counts) - counts, counts)
    firsts = np.flatnonzero((place % 2 == 0) & (place + 1 < counts[images[shuffled]]))
    return np.stack([shuffled[firsts], shuffled[firsts + 1]], axis=1)


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
      sentences: see `pairs_of_epoch`.
      config: batch size and seed.
      epoch: from 0.
      first_step: of the epoch, from 0.
      num_replicas: replicas of all workers; replica r takes the r-th part of each batch.
      worker: this process, from 0.
      num_workers: processes.

    Returns:
      A data set that yields `caption` and `sentence`, `[pairs, time]` int32, and `image_row` `[pairs]` int32.
    """
    local = num_replicas // num_workers
    size = config.batch_size // num_replicas

    def parts() -> Iterator[np.ndarray]:
        pairs = pairs_of_epoch(sentences, config.seed, epoch)
        lengths = sentences.lengths[pairs].max(axis=1)
        batches = order.shuffled_batches(lengths, config.batch_size, config.seed, epoch, _BATCHES)
        for step in range(first_step, len(batches)):
            for replica in range(worker * local, (worker + 1) * local):
                yield pairs[batches[step, replica * size : (replica + 1) * size]]

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

    dataset = tf.data.Dataset.from_generator(parts, output_signature=tf.TensorSpec([None, 2], tf.int64))
    return dataset.map(stage, num_parallel_calls=1, deterministic=True).prefetch(4 * local)
