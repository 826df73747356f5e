"""Embeds a whole split for evaluation: unit vectors, so that a dot product is the cosine."""

import dataclasses
from collections.abc import Callable

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
      images: `[num_images, dim]` float32, norm 1 but for those that `query_bank` has corrected.
      captions: `[num_captions, dim]` float32, likewise.
    """

    images: np.ndarray
    captions: np.ndarray


class SplitEmbedder:
    """Embeds splits with a model as it stands at each call.

    The encoders are compiled once for batches of any size, so whoever embeds again and again keeps the object.

    Args:
      model: of `model.retrieval_model`.

    Attributes:
      model: the same.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self._dim = model.output["caption"].shape[-1]
        self._embed_images = _compiled(model.get_layer("image_encoder"))
        self._embed_captions = _compiled(model.get_layer("text_encoder"))

    def embed(self, split: Examples) -> Embeddings:
        """Embeds every image and every sentence of a split, images once each.

        Args:
          split: the examples; features are read from the memory map by blocks.
        """
        return Embeddings(
            self.embed_images(split, np.arange(split.num_images)),
            self.embed_captions(split, np.arange(split.num_captions)),
        )

    def embed_images(self, split: Examples, images: np.ndarray) -> np.ndarray:
        """Embeds images of a split by their numbers: `[len(images), dim]` float32, norm 1."""
        embedded = np.empty((len(images), self._dim), np.float32)
        for start in range(0, len(images), _BATCH):
            rows = images[start : start + _BATCH]
            embedded[start : start + len(rows)] = _unit(self._embed_images(split.image_inputs(rows)).numpy())
        return embedded

    def embed_captions(self, split: Examples, captions: np.ndarray) -> np.ndarray:
        """Embeds sentences of a split by their numbers: `[len(captions), dim]` float32, norm 1."""
        embedded = np.empty((len(captions), self._dim), np.float32)
        # Sentences of one length together: no padding is computed.
        by_length = np.argsort(split.lengths[captions], kind="stable")
        for start in range(0, len(captions), _BATCH):
            places = by_length[start : start + _BATCH]
            embedded[places] = self._embed_captions(split.padded(captions[places])).numpy()
        return embedded


def embed_split(model: keras.Model, split: Examples) -> Embeddings:
    """Embeds a split once; see `SplitEmbedder`."""
    return SplitEmbedder(model).embed(split)


def evaluate_embeddings(embeddings: Embeddings, split: Examples, folds: int = 1) -> tuple[BothDirections, QueryRanks]:
    """Metrics of a split, or the mean over its equal parts, such as MSCOCO's five folds of 1,000 images.

    Args:
      embeddings: of the split.
      split: the examples; a fold is images that stand together.
      folds: number of parts; 1: the whole split at once.

    Returns:
      The metrics, and the ranks within the folds that they came from.
    """
    ranks = [
        QueryRanks.of_embeddings(
            embeddings.images[images], embeddings.captions[captions], split.image_of_caption[captions] - images.start
        )
        for images, captions in split.folds(folds)
    ]
    return metrics.mean_over_folds([fold.metrics() for fold in ranks]), QueryRanks.concatenate(ranks)


def _compiled(encoder: keras.Model) -> Callable:
    # Left to itself TensorFlow traces the first batch's sizes, and sizes in general with the second batch.
    signature = tf.nest.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), encoder.input)
    return tf.function(lambda inputs: encoder(inputs, training=False), input_signature=[signature])


def _unit(vectors: np.ndarray) -> np.ndarray:
    # With image_norm_in_loss=False the encoder's output has any length; evaluation is by cosine all the same.
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
