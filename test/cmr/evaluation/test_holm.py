"""Holm's correction against its own description: tests are rejected from the smallest p-value on, until one is not."""

import fractions

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr.evaluation import bootstrap

# Exact, so that a p-value that equals its bound is on the same side both ways.
P_VALUES = st.lists(st.integers(1, 40).map(lambda count: fractions.Fraction(count, 40)), max_size=8)


def rejected(p_values, alpha):
    """Holm 1979: of n hypotheses in the order of p, reject while p is at most alpha / (those left)."""
    indices = set()
    for position, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        if p_values[index] > alpha / (len(p_values) - position):
            break
        indices.add(index)
    return indices


@given(P_VALUES, st.integers(1, 39).map(lambda count: fractions.Fraction(count, 40)))
def test_corrected_p_values_reject_what_the_procedure_rejects(p_values, alpha):
    corrected = bootstrap.holm(p_values)

    assert {index for index, p in enumerate(corrected) if p <= alpha} == rejected(p_values, alpha)


@given(P_VALUES)
def test_no_p_value_becomes_smaller_or_larger_than_one(p_values):
    corrected = bootstrap.holm(p_values)

    assert all(before <= after <= 1 for before, after in zip(p_values, corrected, strict=True))


def test_an_example_by_hand():
    assert bootstrap.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
