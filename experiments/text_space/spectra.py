"""Spectra of W_img and of the X_txt it gives: how many directions carry it, and what of X_img is lost."""

import numpy as np


def effective_rank(spectrum: np.ndarray) -> float:
    """How many directions a spectrum amounts to: `exp(-sum_i p_i log p_i)` with `p_i = s_i / sum_j s_j`.

    Reference: Roy, Vetterli, "The effective rank: a measure of effective dimensionality", 2007.

    Args:
      spectrum: `[n]`, singular values or variances, none below 0 and one above it.

    Returns:
      From 1 (one direction has it all) to n (all have the same).
    """
    shares = np.asarray(spectrum, np.float64)
    shares = shares[shares > 0] / shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def variances(vectors: np.ndarray) -> np.ndarray:
    """Variances along the principal directions of `[n, dim]` vectors: `[dim]` float64, falling."""
    centred = np.asarray(vectors, np.float64)
    centred = centred - centred.mean(axis=0)
    return np.maximum(np.linalg.eigvalsh(centred.T @ centred / len(centred))[::-1], 0.0)


def share_of_largest(spectrum: np.ndarray, count: int) -> float:
    """The share that the `count` largest of a spectrum have of its sum."""
    spectrum = np.sort(np.asarray(spectrum, np.float64))[::-1]
    return float(spectrum[:count].sum() / spectrum.sum())


def variance_kept(images: np.ndarray, texts: np.ndarray) -> float:
    """The share of X_img's variance that a linear map of X_txt gives back, by least squares.

    Args:
      images: X_img, `[n, image_dim]`.
      texts: X_txt of the same images, `[n, text_dim]`.
    """
    images = np.asarray(images, np.float64) - images.mean(axis=0)
    mean, scaled = _equalising(texts)
    scores = (texts - mean) @ scaled
    return float(np.square(scores.T @ images).sum() / len(texts) / np.square(images).sum())


def equalised(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both turned onto the principal directions of `train`, every direction scaled to variance 1 there.

    Args:
      train: `[n, dim]`, which the scales are of.
      other: `[m, dim]`.

    Returns:
      `[n, rank]` and `[m, rank]` float32; directions without variance are left out.
    """
    mean, scaled = _equalising(train)
    return ((train - mean) @ scaled).astype(np.float32), ((other - mean) @ scaled).astype(np.float32)


def _equalising(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of `[n, dim]` vectors, and the map `[dim, rank]` to principal directions of variance 1, in float64."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - mean
    values, directions = np.linalg.eigh(centred.T @ centred / len(vectors))
    # Directions that only rounding gives a length are none.
    real = values > values[-1] * 1e-7
    return mean, directions[:, real] / np.sqrt(values[real])
