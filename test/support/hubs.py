"""Embeddings of which one image is near every sentence."""

import numpy as np
from plain_split import IMAGE_OF_CAPTION

from cmr.evaluation.encoding import Embeddings


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of norm 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def with_a_hub(seed: int) -> Embeddings:
    """Pairs that are near each other, and one image that is near every sentence."""
    random = np.random.default_rng(seed)
    common = np.ones(32) / np.sqrt(32)
    pictures = unit(random.normal(size=(12, 32)))
    captions = unit(pictures[IMAGE_OF_CAPTION] + 0.25 * random.normal(size=(36, 32)) + 2.5 * common)
    pictures = pictures.copy()
    pictures[0] = common
    return Embeddings(unit(pictures), captions)
