"""Batches of a captioner's training: sentences of similar length with their images' features or pictures."""

import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from cmr import batches, caption_loss, captioner_step, cnn, errors, examples, image_encoder, image_files

# Stream of `batches.shuffled_batches`.
_SENTENCES = 0


def feature_batches(
    split: examples.Examples, batch_size: int, seed: int, epoch: int, first_step: int
) -> tf.data.Dataset:
    """One epoch's batches from a step on, with cached features: the captioner's inputs.

    Args:
      split: the training examples.
      batch_size: sentences a batch.
      seed: of the run; with the epoch it decides the order.
      epoch: from 0.
      first_step: of the epoch, from 0.
    """
    dim = split.features[image_encoder.IMAGE_FEATURES].array.shape[1]

    def read(sentences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = caption_loss.caption_batch(split, sentences)
        return batch["caption"], batch[image_encoder.IMAGE_FEATURES]

    stage = _stage(read, image_encoder.IMAGE_FEATURES, tf.TensorSpec([None, dim], tf.float32))
    return _sentences(split, batch_size, seed, epoch, first_step).map(stage, num_parallel_calls=1).prefetch(8)


def picture_batches(
    split: examples.Examples,
    image_dir: pathlib.Path,
    size: int,
    batch_size: int,
    seed: int,
    epoch: int,
    first_step: int,
) -> Iterator[dict[str, tf.Tensor]]:
    """The same with pictures: `caption` and `pictures` `[batch, size, size, 3]` uint8.

    Raises:
      DataError: a picture can't be read.
    """

    def read(sentences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = split.image_of_caption[sentences]
        return split.padded(sentences), read_pictures(split, image_dir, size, images)

    stage = _stage(read, captioner_step.PICTURES, tf.TensorSpec([None, size, size, 3], tf.uint8))
    dataset = _sentences(split, batch_size, seed, epoch, first_step).map(stage, num_parallel_calls=2).prefetch(2)
    try:
        yield from dataset
    except tf.errors.OpError as error:
        # tf.data hands on what `read` raised as text.
        sentence = re.search(r"DataError: (.*)", error.message)
        if sentence is None:
            raise
        raise errors.DataError(sentence.group(1)) from error


def read_pictures(split: examples.Examples, image_dir: pathlib.Path, size: int, images: np.ndarray) -> np.ndarray:
    """Pictures of images of a split, as extraction read them: `[len(images), size, size, 3]` uint8.

    Raises:
      DataError: one can't be read.
    """
    paths = [image_dir / split.file_names[image] for image in images]
    return np.stack([image_files.read_crops(str(path), size, crops=1)[0] for path in paths])


def with_features_of(encoder: cnn.Cnn, split: examples.Examples, image_dir: pathlib.Path) -> examples.Examples:
    """A split with the features that a CNN gives its pictures now."""
    rows = encoder.features_of_files([image_dir / name for name in split.file_names])
    features = examples.FeatureRows(rows, np.arange(split.num_images))
    return dataclasses.replace(split, features={image_encoder.IMAGE_FEATURES: features})


def _sentences(split: examples.Examples, batch_size: int, seed: int, epoch: int, first_step: int) -> tf.data.Dataset:
    def numbers() -> Iterator[np.ndarray]:
        yield from batches.shuffled_batches(split.lengths, batch_size, seed, epoch, _SENTENCES)[first_step:]

    return tf.data.Dataset.from_generator(numbers, output_signature=tf.TensorSpec([batch_size], tf.int64))


def _stage(read: Callable, image_name: str, image_spec: tf.TensorSpec) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """A tf.data stage: sentence numbers to captions with their images."""

    def stage(sentences: tf.Tensor) -> dict[str, tf.Tensor]:
        caption, image = tf.numpy_function(read, [sentences], [tf.int32, image_spec.dtype], stateful=False)
        return {
            "caption": tf.ensure_shape(caption, [None, None]),
            image_name: tf.ensure_shape(image, image_spec.shape),
        }

    return stage
