"""DCCA's objective: its value against CCA's, its derivative against numerical ones, in float64."""

import numpy as np
import pytest
import tensorflow as tf

from cmr.comparators.dcca import total_correlation


def pairs(seed=0, count=30):
    random = np.random.default_rng(seed)
    first = random.normal(size=(count, 4))
    return first, first[:, :3] @ random.normal(size=(3, 3)) + random.normal(size=(count, 3))


def reference(first, second, ridge):
    """The sum of the roots of the eigenvalues of C_xx^-1 C_xy C_yy^-1 C_yx."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    c_xx = first.T @ first / len(first) + ridge * np.eye(first.shape[1])
    c_yy = second.T @ second / len(second) + ridge * np.eye(second.shape[1])
    c_xy = first.T @ second / len(first)
    values = np.linalg.eigvals(np.linalg.inv(c_xx) @ c_xy @ np.linalg.inv(c_yy) @ c_xy.T).real
    # There are no more correlations than the smaller side has dimensions; the rest is rounding.
    return np.sqrt(np.sort(values)[-second.shape[1] :]).sum()


@pytest.mark.parametrize("ridge", [1e-6, 0.1])
def test_it_is_the_sum_of_the_canonical_correlations(ridge):
    first, second = pairs()

    total = total_correlation(tf.constant(first), tf.constant(second), ridge)

    assert float(total) == pytest.approx(reference(first, second, ridge), rel=1e-9)


@pytest.mark.parametrize("side", [0, 1])
def test_its_derivative_is_the_numerical_one(side):
    both = [tf.Variable(array) for array in pairs()]
    with tf.GradientTape() as tape:
        total = total_correlation(*both, 0.1)
    gradient = tape.gradient(total, both[side]).numpy()

    for row, column in ((0, 0), (3, 2), (17, 1), (29, 0)):
        values = []
        for sign in (1, -1):
            moved = [array.numpy().copy() for array in both]
            moved[side][row, column] += sign * 1e-5
            values.append(reference(*moved, 0.1))
        assert gradient[row, column] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-9)
