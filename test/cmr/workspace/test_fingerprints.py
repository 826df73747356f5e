"""Features that differ by rounding are told from those of another picture, CNN or order of images."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr.workspace import fingerprints
from cmr.workspace.fingerprints import Fingerprint, Projecting

IMAGES, VALUES = 400, 30


def fingerprint(rows, sha256="a" * 64, image_ids=None, block_rows=IMAGES):
    ids = [f"{number}.jpg" for number in range(len(rows))] if image_ids is None else image_ids
    projecting = Projecting(rows[0].size)
    for start in range(0, len(rows), block_rows):
        projecting.add(ids[start : start + block_rows], rows[start : start + block_rows])
    return projecting.fingerprint(sha256)


def drawn(seed=0, shape=(IMAGES, VALUES)):
    """Features as behind a rectifier."""
    return np.maximum(np.random.default_rng(seed).normal(0.3, 1.0, shape), 0.0).astype(np.float32)


ROWS = drawn()
BEFORE = fingerprint(ROWS)


def other(rows, **options):
    return fingerprint(rows, "b" * 64, **options)


def one_picture(rows):
    rows[7] = rows[8]
    return rows


def one_value_of_all(rows):
    rows[:, 3] = rows[::-1, 3]
    return rows


CHANGES = {
    "another picture": one_picture,
    "another value of all pictures": one_value_of_all,
    "one per cent more": lambda rows: rows * 1.01,
    "an offset": lambda rows: rows + 0.01,
    "pictures in another order": lambda rows: rows[::-1],
    "values in another order": lambda rows: rows[:, ::-1],
    "another cnn": lambda rows: drawn(1),
    "nothing": np.zeros_like,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_other_features_are_told_apart_by_about_as_much_as_they_differ(change):
    changed = np.ascontiguousarray(change(ROWS.copy()))
    found = other(changed)

    assert not BEFORE.is_same(found)
    assert not found.is_same(BEFORE)
    largest = max(np.linalg.norm(ROWS), np.linalg.norm(changed))
    assert 0.3 < BEFORE.difference(found) * largest / np.linalg.norm(ROWS - changed) < 3.0


@given(seed=st.integers(0, 2**32 - 1), relative=st.floats(0.0, 1e-5), dtype=st.sampled_from([np.float32, np.float64]))
def test_rounding_is_none(seed, relative, dtype):
    errors = relative * np.random.default_rng(seed).standard_normal(ROWS.shape)

    assert BEFORE.is_same(other((ROWS * (1.0 + errors)).astype(dtype)))


@given(block_rows=st.integers(1, IMAGES), seed=st.integers(0, 9))
def test_neither_blocks_nor_the_order_of_rows_with_their_images_count(block_rows, seed):
    order = np.random.default_rng(seed).permutation(IMAGES)

    found = other(ROWS[order], image_ids=[f"{number}.jpg" for number in order], block_rows=block_rows)

    assert BEFORE.difference(found) < 1e-9


def test_the_cells_of_a_grid_are_values():
    grid = drawn(shape=(5, 4, 3)).astype(np.float16)

    assert fingerprint(grid).projections == fingerprint(grid.reshape(5, 12)).projections


def test_a_fingerprint_survives_json():
    assert Fingerprint.from_dict(BEFORE.to_dict()) == BEFORE
    assert fingerprints.KIND.flaw(BEFORE.to_dict(), "") is None
    assert Fingerprint.from_dict({"sha256": "c" * 64}) == Fingerprint("c" * 64)


@pytest.mark.parametrize("known", [BEFORE, Fingerprint("a" * 64)])
def test_without_projections_equal_bytes_alone_are_the_same(known):
    assert known.is_same(Fingerprint("a" * 64))
    assert not known.is_same(Fingerprint("b" * 64))
    assert known.difference(Fingerprint("b" * 64)) == math.inf


def test_images_that_are_named_by_numbers_are_told_apart_too():
    square = drawn(shape=(IMAGES, IMAGES))
    ids = [str(number) for number in range(IMAGES)]
    asymmetric = np.triu(square, 1) * 0.1

    found = other(square + asymmetric - asymmetric.T, image_ids=ids)

    assert not fingerprint(square, image_ids=ids).is_same(found)


@pytest.mark.parametrize("damaged", [{"norm": 1e300}, {"norm": 10**400}, {"projections": [1e300] * 16}])
def test_damaged_numbers_make_nothing_the_same(damaged):
    values = {**other(drawn(1)).to_dict(), **damaged}

    flaw = fingerprints.KIND.flaw(values, "")

    assert flaw if damaged.get("norm") == 10**400 else not BEFORE.is_same(Fingerprint.from_dict(values))


def test_the_largest_numbers_have_a_fingerprint():
    huge = np.full((3, 2), np.finfo(np.float32).max)
    found = fingerprint(huge)

    assert np.isfinite([found.norm, *found.projections]).all()
    assert dataclasses.replace(found, sha256="b" * 64).is_same(found)
