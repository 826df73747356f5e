"""Mixtures: their likelihood against the definition, EM, and Fisher vectors against numerical derivatives."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cmr.comparators import mixtures
from cmr.comparators.mixtures import Mixture


def mixture(seed, components=3, dim=2):
    random = np.random.default_rng(seed)
    weights = random.uniform(0.5, 1.5, components)
    return Mixture(
        weights / weights.sum(),
        random.normal(size=(components, dim)),
        random.uniform(0.5, 1.5, (components, dim)),
        random.random((components, dim)) < 0.5,
    )


def reference_likelihood(of, point):
    """log sum over k of pi_k times the product of one-dimensional densities."""
    total = 0.0
    for weight, centers, scales, laplacian in zip(of.weights, of.centers, of.scales, of.is_laplacian, strict=True):
        densities = [
            (stats.laplace if is_laplacian else stats.norm).pdf(x, center, scale)
            for x, center, scale, is_laplacian in zip(point, centers, scales, laplacian, strict=True)
        ]
        total += weight * np.prod(densities)
    return np.log(total)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100))
def test_the_likelihood_is_that_of_the_definition(seed):
    of, points = mixture(seed), np.random.default_rng(seed + 1).normal(size=(5, 2))

    assert of.log_likelihood(points) == pytest.approx([reference_likelihood(of, point) for point in points])
    np.testing.assert_allclose(of.responsibilities(points).sum(axis=1), 1.0)


@pytest.mark.parametrize(("name", "offset"), [("centers", 0), ("scales", 6)])
def test_fisher_vectors_are_whitened_derivatives_of_the_log_likelihood(name, offset):
    of, point = mixture(3), np.array([[0.3, -0.7]])
    vector = of.fisher_vectors(point)[0]

    for k in range(3):
        for d in range(2):
            step = np.zeros((3, 2))
            step[k, d] = 1e-5
            above, below = (
                dataclasses.replace(of, **{name: getattr(of, name) + sign * step}).log_likelihood(point)[0]
                for sign in (1, -1)
            )
            derivative = (above - below) / 2e-5
            # The expected square of the derivative: pi / scale^2, twice that by a Gaussian's scale.
            twice = name == "scales" and not of.is_laplacian[k, d]
            information = of.weights[k] * (2 if twice else 1) / of.scales[k, d] ** 2
            assert vector[offset + 2 * k + d] == pytest.approx(derivative / np.sqrt(information), rel=1e-4, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 30))
def test_em_never_lowers_the_likelihood(seed):
    random = np.random.default_rng(seed)
    points = np.concatenate([random.normal(-2, 1, (60, 3)), random.laplace(2, 0.7, (60, 3))])

    _, likelihoods = mixtures.fit_hybrid(points, mixture(seed, dim=3), iterations=8)

    assert np.all(np.diff(likelihoods) > -1e-9)
    assert likelihoods[-1] > likelihoods[0]


def test_em_tells_laplacian_dimensions_from_gaussian_ones():
    random = np.random.default_rng(0)
    points = np.stack([random.normal(0, 1, 4000), random.laplace(0, 1, 4000)], axis=1)
    start = Mixture(np.ones(1), np.zeros((1, 2)), np.ones((1, 2)), np.zeros((1, 2), bool))

    hybrid, _ = mixtures.fit_hybrid(points, start, iterations=2)

    assert hybrid.is_laplacian.tolist() == [[False, True]]
    np.testing.assert_allclose(hybrid.scales, [[1.0, 1.0]], rtol=0.05)
    assert hybrid.centers[0, 1] == pytest.approx(np.median(points[:, 1]), abs=1e-3)


def test_the_gaussian_mixture_finds_two_clusters_and_a_seed_gives_it_again():
    random = np.random.default_rng(0)
    points = np.concatenate([random.normal(-3, 1, (200, 2)), random.normal(3, 0.5, (200, 2))])

    first, second = (mixtures.fit_gaussian(points, 2, seed=5) for _ in range(2))

    np.testing.assert_allclose(np.sort(first.centers[:, 0]), [-3, 3], atol=0.3)
    np.testing.assert_array_equal(first.centers, second.centers)
