"""The whitening of a captioner's features, against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cmr.data import whitening
from cmr.data.examples import FeatureRows


def whitening_of(rows: np.ndarray, ridge: float) -> np.ndarray:
    moments = whitening.second_moments(FeatureRows(rows, np.arange(len(rows))), len(rows))
    return whitening.whitening_map(moments, ridge)


def uneven_rows(num_rows: int = 2500, dim: int = 5) -> np.ndarray:
    random = np.random.default_rng(0)
    mixed = random.normal(size=(num_rows, dim)) * [10, 3, 1, 0.3, 0.1] + [2, 0, 0, 1, 0]
    return (mixed @ np.linalg.qr(random.normal(size=(dim, dim)))[0]).astype(np.float32)


@pytest.mark.parametrize("ridge", [0.01, 1.0, 30.0])
def test_the_map_is_the_inverse_root_of_the_second_moments_with_a_ridge(ridge):
    rows = uneven_rows()

    found = whitening_of(rows, ridge).astype(np.float64)

    moments = rows.astype(np.float64).T @ rows / len(rows)
    ridged = moments + ridge * np.trace(moments) / 5 * np.eye(5)
    # S (M + ridge) S is a multiple of the identity, the one that keeps the mean square.
    np.testing.assert_allclose(found @ ridged @ found / (found @ ridged @ found)[0, 0], np.eye(5), atol=1e-4)
    np.testing.assert_allclose(np.mean(np.sum((rows @ found) ** 2, axis=1)), np.trace(moments), rtol=1e-4)
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    assert np.linalg.eigvalsh(found).min() > 0


def test_with_hardly_a_ridge_all_directions_are_equally_long():
    rows = uneven_rows()

    white = rows @ whitening_of(rows, 1e-9)

    sizes = np.linalg.eigvalsh(white.T @ white)
    np.testing.assert_allclose(sizes, sizes.mean(), rtol=1e-3)


@settings(max_examples=50, deadline=None)
@given(
    rows=arrays.arrays(
        np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-8, 8, width=32)
    ),
    ridge=st.floats(0.01, 100),
)
def test_any_features_have_a_finite_map_that_keeps_their_mean_square(rows, ridge):
    found = whitening_of(rows, ridge)

    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    rows = rows.astype(np.float64)
    np.testing.assert_allclose(np.mean((rows @ found) ** 2), np.mean(rows**2), rtol=1e-3, atol=1e-12)
