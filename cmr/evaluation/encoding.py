"""Embeds a whole split for evaluation: unit vectors, so that a dot product is the cosine."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from cmr.data.examples import Examples
from cmr.evaluation import metrics
from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.query_ranks import QueryRanks

_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """A split in the joint space.

    Attributes:
      images: `[num_images, dim]` float32, norm 1.
      captions: `[num_captions, dim]` float32, norm 1.
    """

    images: np.ndarray
    captions: np.ndarray


def embed_split(model: keras.Model, split: Examples) -> Embeddings:
    """Embeds every image and every sentence of a split, images once each.

    Args:
      model: of `model.retrieval_model`.
      split: the examples; features are read from the memory map by blocks.
    """
    encode_images = _compiled(model.get_layer("image_encoder"))
    encode_captions = _compiled(model.get_layer("text_encoder"))
    dim = model.output["caption"].shape[-1]
    images = np.empty((split.num_images, dim), np.float32)
    for start in range(0, split.num_images, _BATCH):
        rows = np.arange(start, min(start + _BATCH, split.num_images))
        images[rows] = _unit(encode_images(split.image_inputs(rows)).numpy())
    captions = np.empty((split.num_captions, dim), np.float32)
    # Sentences of one length together: no padding is computed.
    by_length = np.argsort(split.lengths, kind="stable")
    for start in range(0, split.num_captions, _BATCH):
        rows = by_length[start : start + _BATCH]
        captions[rows] = encode_captions(split.padded(rows)).numpy()
    return Embeddings(images, captions)


def evaluate_folds(model: keras.Model, split: Examples, folds: int) -> tuple[BothDirections, QueryRanks]:
    """Metrics of a split that is cut into equal parts, as the mean over them: MSCOCO's five folds of 1,000 images.

    Args:
      model: of `model.retrieval_model`.
      split: the examples; a fold is images that stand together.
      folds: number of parts; 1: the whole split at once.

    Returns:
      The metrics, and the ranks within the folds that they came from.
    """
    return measure_folds(embed_split(model, split), split, folds)


def measure_folds(embeddings: Embeddings, split: Examples, folds: int) -> tuple[BothDirections, QueryRanks]:
    """The same of a split that is embedded already."""
    ranks = [
        QueryRanks.measure(
            embeddings.images[images], embeddings.captions[captions], split.image_of_caption[captions] - images.start
        )
        for images, captions in split.folds(folds)
    ]
    return metrics.mean_over_folds([fold.metrics() for fold in ranks]), QueryRanks.concatenate(ranks)


def evaluate_split(model: keras.Model, split: Examples) -> tuple[BothDirections, Embeddings]:
    """Metrics of both directions over a split, and the embeddings they came from."""
    embeddings = embed_split(model, split)
    return metrics.evaluate(embeddings.images, embeddings.captions, split.image_of_caption), embeddings


def _compiled(encoder: keras.Model):
    return tf.function(lambda inputs: encoder(inputs, training=False), reduce_retracing=True)


def _unit(vectors: np.ndarray) -> np.ndarray:
    # With image_norm_in_loss=False the encoder's output has any length; evaluation is by cosine all the same.
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
