"""A linear map of X_img that makes its directions about equally long: W_img learns small ones as soon as large ones.

    S = c (M + ridge (tr M / d) I)^(-1/2),   M = E[x x^T],   c so that E |x S|^2 = E |x|^2

Without a mean taken off it is linear, so that a captioner trained on X_img S is one of X_img with the map S W_img.
"""

import numpy as np

from cmr.data.examples import ImageRows

# Enough for a few thousand directions with a ridge.
_MOST_ROWS = 20_000
_ROWS_AT_ONCE = 1_000


def whitening(features: ImageRows, num_images: int, ridge: float) -> np.ndarray:
    """The map S of a split's features, from at most 20,000 of its images, evenly taken.

    Args:
      features: of the split, rows of d values.
      num_images: of the split.
      ridge: a share of the mean of M's eigenvalues, above 0: directions that are much smaller stay small.

    Returns:
      `[d, d]` float32, symmetric; of features that are all zero the identity.
    """
    chosen = np.unique(np.linspace(0, num_images - 1, min(num_images, _MOST_ROWS)).astype(np.int64))
    moments = 0.0
    for first in range(0, len(chosen), _ROWS_AT_ONCE):
        rows = features.take(chosen[first : first + _ROWS_AT_ONCE]).astype(np.float64)
        moments = moments + rows.T @ rows / len(chosen)
    sizes, directions = np.linalg.eigh(moments)
    total = np.trace(moments)
    if not total:
        return np.eye(len(sizes), dtype=np.float32)
    roots = 1 / np.sqrt(np.maximum(sizes, 0) + ridge * total / len(sizes))
    scale = np.sqrt(total / np.sum(sizes * roots**2))
    return ((directions * (scale * roots)) @ directions.T).astype(np.float32)
