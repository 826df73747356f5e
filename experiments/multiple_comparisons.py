"""p-values of several tests at once: a few of many are small by luck alone."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-Bonferroni corrected p-values.

    S. Holm, "A simple sequentially rejective multiple test procedure", 1979: of n tests the smallest p-value is
    multiplied by n, the next by n - 1, and so on; none becomes smaller than the one before it, nor larger than 1. Who
    calls a difference what is at most alpha is wrong about any of the n with a probability of at most alpha, however
    the tests depend on each other.

    Args:
      p_values: one a test.

    Returns:
      The corrected ones in the same order.
    """
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for position, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - position) * p_values[index]))
        corrected[index] = largest
    return corrected
