"""Gradients by differences, which a gradient that was written out must equal."""

import numpy as np


def differences(value, arrays, place, step=1e-5):
    """Central differences of a function of arrays by one of them, float64."""
    result = np.zeros_like(arrays[place])
    for index in np.ndindex(result.shape):
        ends = []
        for sign in (1, -1):
            changed = [array.copy() for array in arrays]
            changed[place][index] += sign * step
            ends.append(value(*changed))
        result[index] = (ends[0] - ends[1]) / (2 * step)
    return result
