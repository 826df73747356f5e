"""Mixtures whose components have independent dimensions, Gaussian or Laplacian each, and Fisher vectors of them."""

import dataclasses

import numpy as np

from cmr import extras

# What a component that shrinks onto one word is kept from, whose likelihood would have no bound: of a Gaussian mixture
# this part of the mean variance is added to each variance, of a hybrid one it is the least scale, in parts of a
# dimension's root mean square.
_LEAST_SCALE = 1e-2


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of densities; of a Gaussian one no dimension is Laplacian.

    Attributes:
      weights: `[K]` float64, pi, with the sum 1.
      centers: `[K, dim]` float64: the mean mu of a Gaussian dimension, the median m of a Laplacian one.
      scales: `[K, dim]` float64: the standard deviation sigma, or the mean deviation s.
      is_laplacian: `[K, dim]` bool.
    """

    weights: np.ndarray
    centers: np.ndarray
    scales: np.ndarray
    is_laplacian: np.ndarray

    def log_densities(self, points: np.ndarray) -> np.ndarray:
        """`log(pi_k p_k(x))` of each point and component: `[n, K]` float64.

        Gaussian: `log N = -log(sigma sqrt(2 pi)) - (x - mu)^2 / (2 sigma^2)`; Laplacian: `-log(2 s) - |x - m| / s`.
        """
        logs = np.empty((len(points), len(self.weights)))
        for k, (center, scale, laplacian) in enumerate(zip(self.centers, self.scales, self.is_laplacian, strict=True)):
            apart = (points - center) / scale
            exponent = np.where(laplacian, np.abs(apart), np.square(apart) / 2).sum(axis=1)
            constant = np.log(np.where(laplacian, 2.0, np.sqrt(2 * np.pi)) * scale).sum()
            logs[:, k] = np.log(self.weights[k]) - constant - exponent
        return logs

    def log_likelihood(self, points: np.ndarray) -> np.ndarray:
        """`log sum_k pi_k p_k(x)` of each point: `[n]` float64."""
        return _log_sum(self.log_densities(points))

    def responsibilities(self, points: np.ndarray) -> np.ndarray:
        """`gamma_k(x) = pi_k p_k(x) / sum_j pi_j p_j(x)`: `[n, K]` float64."""
        logs = self.log_densities(points)
        return np.exp(logs - _log_sum(logs)[:, None])

    def fisher_vectors(self, points: np.ndarray) -> np.ndarray:
        """The derivatives of each point's log-likelihood by centers and scales, whitened by their expected squares.

        Gaussian: `gamma_k (x - mu) / sigma / sqrt(pi_k)` and `gamma_k ((x - mu)^2 / sigma^2 - 1) / sqrt(2 pi_k)`;
        Laplacian: `gamma_k sign(x - m) / sqrt(pi_k)` and `gamma_k (|x - m| / s - 1) / sqrt(pi_k)`.

        Reference: Perronnin, Sánchez, Mensink, "Improving the Fisher kernel for large-scale image classification",
        2010; Klein et al. 2015 for the Laplacian and the hybrid.

        Args:
          points: `[n, dim]`.

        Returns:
          `[n, 2 K dim]` float32: all of the centers, then all of the scales. That of a set of points is their mean.
        """
        apart = (points[:, None, :] - self.centers) / self.scales
        gamma = self.responsibilities(points)[:, :, None] / np.sqrt(self.weights)[:, None]
        by_center = gamma * np.where(self.is_laplacian, np.sign(apart), apart)
        by_scale = gamma * np.where(self.is_laplacian, np.abs(apart) - 1, (np.square(apart) - 1) / np.sqrt(2))
        return np.concatenate([part.reshape(len(points), -1) for part in (by_center, by_scale)], 1).astype(np.float32)


def fit_gaussian(points: np.ndarray, components: int, seed: int) -> Mixture:
    """scikit-learn's mixture of Gaussians, on each word once.

    By how often the words stand in the text most components would lie on single frequent ones ("a", "in"), and the
    Fisher vectors of two sentences would differ in little else.

    Args:
      points: `[n, dim]`, each distinct one once.
      components: K.
      seed: of the start.
    """
    mixture = extras.load("sklearn.mixture")
    # Without a word twice in a component its variance would be 0.
    floor = float(_LEAST_SCALE * points.var(axis=0).mean())
    model = mixture.GaussianMixture(
        components, covariance_type="diag", reg_covar=floor, random_state=seed, max_iter=50, tol=1e-2
    ).fit(points)
    scales = np.sqrt(model.covariances_)
    return Mixture(model.weights_, model.means_, scales, np.zeros(scales.shape, bool))


def fit_hybrid(points: np.ndarray, start: Mixture, iterations: int) -> tuple[Mixture, list[float]]:
    """Klein et al.'s hybrid Gaussian-Laplacian mixture by EM: each dimension of each component is what fits it better.

    Args:
      points: `[n, dim]`, each distinct word once, as for the Gaussians.
      start: the mixture to begin with.
      iterations: of EM.

    Returns:
      The mixture, and the mean log-likelihood before each iteration and after the last, which never falls.
    """
    points = points.astype(np.float64)
    order = np.argsort(points, axis=0, kind="stable")
    least = np.maximum(_LEAST_SCALE * np.sqrt(np.mean(np.square(points), axis=0)), 1e-6)
    mixture = dataclasses.replace(start, scales=np.maximum(start.scales, least))
    likelihoods = [float(mixture.log_likelihood(points).mean())]
    for _ in range(iterations):
        mixture = _maximised(points, order, mixture.responsibilities(points) / len(points), least)
        likelihoods.append(float(mixture.log_likelihood(points).mean()))
    return mixture, likelihoods


def _maximised(points: np.ndarray, order: np.ndarray, shares: np.ndarray, least: np.ndarray) -> Mixture:
    """The M-step.

    Args:
      points: `[n, dim]`.
      order: `[n, dim]` int64, each dimension's order.
      shares: `[n, K]`: responsibilities, of all words together 1.
      least: `[dim]`, of a scale.
    """
    masses = np.maximum(shares.sum(axis=0), 1e-12)
    centers, scales, laplacian = (np.empty((shares.shape[1], points.shape[1])) for _ in range(3))
    ordered = np.take_along_axis(points, order, axis=0)
    for k, mass in enumerate(masses):
        share = shares[:, k] / mass
        mean = share @ points
        sigma = np.maximum(np.sqrt(np.maximum(share @ np.square(points - mean), 0.0)), least)
        below = np.cumsum(share[order], axis=0)
        # The least point with half of the mass at or below it minimises the mean deviation.
        median = np.take_along_axis(ordered, np.argmax(below >= below[-1] / 2, axis=0)[None], axis=0)[0]
        deviation = np.maximum(share @ np.abs(points - median), least)
        gaussian = -np.log(sigma * np.sqrt(2 * np.pi)) - share @ np.square(points - mean) / (2 * np.square(sigma))
        laplace = -np.log(2 * deviation) - share @ np.abs(points - median) / deviation
        laplacian[k] = laplace > gaussian
        centers[k] = np.where(laplacian[k], median, mean)
        scales[k] = np.where(laplacian[k], deviation, sigma)
    return Mixture(masses / masses.sum(), centers, scales, laplacian.astype(bool))


def _log_sum(logs: np.ndarray) -> np.ndarray:
    highest = logs.max(axis=1)
    return highest + np.log(np.exp(logs - highest[:, None]).sum(axis=1))
