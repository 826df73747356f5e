"""Batches of a captioner's training: sentences of similar length with their images' features or pictures."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from cmr.captioner import loss
from cmr.config import MAX_PIXELS
from cmr.data import input_names, order
from cmr.data.examples import Examples, FeatureRows
from cmr.pictures import files, streaming
from cmr.pictures.cnn import Cnn

# Stream of `order.shuffled_batches`.
_SENTENCES = 0


def feature_batches(split: Examples, batch_size: int, seed: int, epoch: int, first_step: int) -> tf.data.Dataset:
    """One epoch's batches from a step on, with cached features: the captioner's inputs.

    Args:
      split: the training examples.
      batch_size: sentences a batch.
      seed: of the run; with the epoch it decides the order.
      epoch: from 0.
      first_step: of the epoch, from 0.
    """
    dim = split.features[input_names.IMAGE_FEATURES].array.shape[1]

    def read(sentences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = loss.caption_batch(split, sentences)
        return batch[input_names.CAPTION], batch[input_names.IMAGE_FEATURES]

    stage = _stage(read, input_names.IMAGE_FEATURES, tf.TensorSpec([None, dim], tf.float32))
    return _sentences(split, batch_size, seed, epoch, first_step).map(stage, num_parallel_calls=1).prefetch(8)


def picture_batches(
    split: Examples,
    image_dir: pathlib.Path,
    size: int,
    batch_size: int,
    seed: int,
    epoch: int,
    first_step: int,
    max_pixels: int = MAX_PIXELS,
) -> tf.data.Dataset:
    """The same with pictures: `caption` and `pictures` `[batch, size, size, 3]` uint8."""

    def read(sentences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = split.image_of_caption[sentences]
        return split.padded(sentences), read_pictures(split, image_dir, size, images, max_pixels)

    stage = _stage(read, input_names.PICTURES, tf.TensorSpec([None, size, size, 3], tf.uint8))
    return _sentences(split, batch_size, seed, epoch, first_step).map(stage, num_parallel_calls=2).prefetch(2)


def read_pictures(
    split: Examples, image_dir: pathlib.Path, size: int, images: np.ndarray, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Pictures of images of a split, as extraction read them: `[len(images), size, size, 3]` uint8.

    Raises:
      DataError: one can't be read.
    """
    paths = [image_dir / split.file_names[image] for image in images]
    return np.stack([files.read_crops(path, size, 1, max_pixels)[0] for path in paths])


def with_features_of(encoder: Cnn, split: Examples, image_dir: pathlib.Path, max_pixels: int = MAX_PIXELS) -> Examples:
    """A split with the features that a CNN gives its pictures now."""
    rows = streaming.features_of_files(encoder, [image_dir / name for name in split.file_names], max_pixels)
    features = FeatureRows(rows, np.arange(split.num_images))
    return dataclasses.replace(split, features={input_names.IMAGE_FEATURES: features})


def _sentences(split: Examples, batch_size: int, seed: int, epoch: int, first_step: int) -> tf.data.Dataset:
    def numbers() -> Iterator[np.ndarray]:
        yield from order.shuffled_batches(split.lengths, batch_size, seed, epoch, _SENTENCES)[first_step:]

    return tf.data.Dataset.from_generator(numbers, output_signature=tf.TensorSpec([batch_size], tf.int64))


def _stage(read: Callable, image_name: str, image_spec: tf.TensorSpec) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """A tf.data stage: sentence numbers to captions with their images."""

    def stage(sentences: tf.Tensor) -> dict[str, tf.Tensor]:
        caption, image = tf.numpy_function(read, [sentences], [tf.int32, image_spec.dtype], stateful=False)
        return {
            input_names.CAPTION: tf.ensure_shape(caption, [None, None]),
            image_name: tf.ensure_shape(image, image_spec.shape),
        }

    return stage
