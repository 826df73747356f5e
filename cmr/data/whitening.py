"""Linear maps that make the directions of vectors about equally long.

    S = c (M + ridge (tr M / d) I)^(-1/2),   M = E[x x^T],   c so that E |x S|^2 = E |x|^2

Without a mean taken off it is linear, so that what is trained on X_img S with a map W is one of X_img with the map S W.
"""

import numpy as np

from cmr.data.examples import ImageRows

# Enough for a few thousand directions with a ridge.
_MOST_ROWS = 20_000
_ROWS_AT_ONCE = 1_000


def second_moments(features: ImageRows, num_images: int) -> np.ndarray:
    """M of a split's features, from at most 20,000 of its images, evenly taken.

    Args:
      features: of the split, rows of d values.
      num_images: of the split.

    Returns:
      `[d, d]` float64.
    """
    chosen = np.unique(np.linspace(0, num_images - 1, min(num_images, _MOST_ROWS)).astype(np.int64))
    moments = 0.0
    for first in range(0, len(chosen), _ROWS_AT_ONCE):
        rows = features.take(chosen[first : first + _ROWS_AT_ONCE]).astype(np.float64)
        moments = moments + rows.T @ rows / len(chosen)
    return moments


def whitening_map(moments: np.ndarray, ridge: float) -> np.ndarray:
    """The map S.

    Args:
      moments: M, `[d, d]`.
      ridge: a share of the mean of M's eigenvalues, above 0: directions that are much smaller stay small.

    Returns:
      `[d, d]` float32, symmetric; of vectors that are all zero the identity.
    """
    total = np.trace(moments)
    if not total:
        return np.eye(len(moments), dtype=np.float32)
    root = inverse_root(moments, ridge)
    # tr(S M S), but for c.
    kept = np.sum((root @ moments) * root)
    return (np.sqrt(total / kept) * root).astype(np.float32)


def inverse_root(covariance: np.ndarray, ridge: float) -> np.ndarray:
    """`(C + ridge * mean variance * I)^(-1/2)`, `[dim, dim]` float64 of a symmetric `[dim, dim]`."""
    covariance = covariance.astype(np.float64)
    added = ridge * max(np.trace(covariance) / len(covariance), 1e-12)
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(np.maximum(values, 0.0) + added)) @ vectors.T
