"""Regularised canonical correlation analysis in closed form, of which several systems are made."""

import dataclasses

import numpy as np

from cmr.comparators.system import unit
from cmr.data import whitening


@dataclasses.dataclass(frozen=True)
class CanonicalMaps:
    """Both sides' linear maps into the space of canonical directions.

    Attributes:
      image_mean: `[image_dim]` float32.
      text_mean: `[text_dim]` float32.
      image_map: `[image_dim, dims]` float32, each column weighted by its correlation.
      text_map: `[text_dim, dims]` float32, likewise.
      correlations: `[dims]` float64, falling.
    """

    image_mean: np.ndarray
    text_mean: np.ndarray
    image_map: np.ndarray
    text_map: np.ndarray
    correlations: np.ndarray

    def embed_images(self, features: np.ndarray) -> np.ndarray:
        """Unit vectors `[n, dims]` float32 of `[n, image_dim]` features."""
        return unit((features - self.image_mean) @ self.image_map)

    def embed_texts(self, texts: np.ndarray) -> np.ndarray:
        """Unit vectors `[n, dims]` float32 of `[n, text_dim]` texts."""
        return unit((texts - self.text_mean) @ self.text_map)


def fit(images: np.ndarray, texts: np.ndarray, image_of_text: np.ndarray, dims: int, ridge: float) -> CanonicalMaps:
    """Finds the directions in which paired images and texts correlate most.

    With covariances C_ii, C_tt (ridge * mean variance added to their diagonals) and C_it of the pairs:
    `C_ii^(-1/2) C_it C_tt^(-1/2) = U diag(rho) V'`, and the maps are `C_ii^(-1/2) U diag(rho)` and
    `C_tt^(-1/2) V diag(rho)`.

    Reference: Hotelling, "Relations between two sets of variates", 1936; the correlations as weights: Gong, Ke,
    Isard, Lazebnik, "A multi-view embedding space for modeling internet images, tags, and their semantics", 2014.

    Args:
      images: `[num_images, image_dim]` float32.
      texts: `[num_texts, text_dim]` float32.
      image_of_text: `[num_texts]` int, the image of each pair.
      dims: directions to keep, at most; the smaller side has no more.
      ridge: in parts of a side's mean variance.
    """
    counts = np.bincount(image_of_text, minlength=len(images)).astype(np.float64)
    image_mean = (counts @ images) / len(texts)
    text_mean = texts.mean(axis=0, dtype=np.float64)
    centred, texts = (images - image_mean).astype(np.float32), (texts - text_mean).astype(np.float32)
    # A pair an image and a text: an image counts as often as it has texts.
    sums = np.zeros((len(images), texts.shape[1]), np.float32)
    np.add.at(sums, image_of_text, texts)
    whiten_images = whitening.inverse_root(
        (centred * counts[:, None].astype(np.float32)).T @ centred / len(texts), ridge
    )
    whiten_texts = whitening.inverse_root(texts.T @ texts / len(texts), ridge)
    correlated = whiten_images @ (centred.T @ sums / len(texts)) @ whiten_texts
    left, correlations, right = np.linalg.svd(correlated, full_matrices=False)
    dims = min(dims, len(correlations))
    return CanonicalMaps(
        image_mean=image_mean.astype(np.float32),
        text_mean=text_mean.astype(np.float32),
        image_map=(whiten_images @ left[:, :dims] * correlations[:dims]).astype(np.float32),
        text_map=(whiten_texts @ right[:dims].T * correlations[:dims]).astype(np.float32),
        correlations=correlations[:dims],
    )
