"""Regularised CCA against the eigen-decomposition that it is, in the plainest float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.comparators import canonical


def pairs(seed, images=40, image_dim=5, text_dim=4):
    random = np.random.default_rng(seed)
    of_text = np.concatenate([np.arange(images), random.integers(images, size=30)])
    features = random.normal(size=(images, image_dim))
    texts = features[of_text] @ random.normal(size=(image_dim, text_dim)) + random.normal(size=(len(of_text), text_dim))
    return features.astype(np.float32), texts.astype(np.float32), of_text


def reference_correlations(x, y, ridge):
    """The roots of the eigenvalues of C_xx^-1 C_xy C_yy^-1 C_yx."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    c_xx, c_yy, c_xy = x.T @ x / len(x), y.T @ y / len(y), x.T @ y / len(x)
    c_xx += ridge * np.mean(np.diag(c_xx)) * np.eye(len(c_xx))
    c_yy += ridge * np.mean(np.diag(c_yy)) * np.eye(len(c_yy))
    values = np.linalg.eigvals(np.linalg.inv(c_xx) @ c_xy @ np.linalg.inv(c_yy) @ c_xy.T)
    # There are no more correlations than the smaller side has dimensions; the rest is rounding.
    return np.sqrt(np.sort(values.real)[::-1][: y.shape[1]])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.sampled_from((0.01, 0.3, 2.0)))
def test_the_correlations_are_those_of_the_eigen_decomposition(seed, ridge):
    images, texts, of_text = pairs(seed)

    maps = canonical.fit(images, texts, of_text, 4, ridge)

    expected = reference_correlations(images[of_text].astype(np.float64), texts.astype(np.float64), ridge)
    np.testing.assert_allclose(maps.correlations, expected, rtol=1e-3, atol=1e-4)


def test_without_a_ridge_the_projections_of_both_sides_correlate_as_said():
    images, texts, of_text = pairs(0)

    maps = canonical.fit(images, texts, of_text, 3, 1e-9)

    first = (images - maps.image_mean)[of_text] @ maps.image_map
    second = (texts - maps.text_mean) @ maps.text_map
    for direction in range(3):
        measured = np.corrcoef(first[:, direction], second[:, direction])[0, 1]
        assert measured == pytest.approx(maps.correlations[direction], abs=1e-3)


def test_no_more_directions_come_back_than_there_are():
    images, texts, of_text = pairs(0)

    maps = canonical.fit(images, texts, of_text, 100, 0.1)

    assert maps.embed_images(images).shape == (40, 4)
    np.testing.assert_allclose(np.linalg.norm(maps.embed_texts(texts), axis=1), 1.0, rtol=1e-5)


def test_features_that_never_change_give_no_nan():
    images, texts, of_text = pairs(0)
    images[:, 0] = 1.0

    maps = canonical.fit(images, texts, of_text, 3, 0.1)

    assert np.isfinite(maps.image_map).all()
