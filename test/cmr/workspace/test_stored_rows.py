"""Rows of an array on the disk."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr.errors import WorkspaceError
from cmr.workspace.stored_rows import StoredRows

ARRAY = np.arange(63, dtype=np.float32).reshape(9, 7)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "a.npy"
    np.save(path, ARRAY)
    return StoredRows(path)


@given(rows=st.lists(st.integers(0, 8), max_size=5), start=st.integers(0, 10), stop=st.integers(0, 10))
def test_rows_are_those_of_the_array(stored, rows, start, stop):
    rows = np.array(rows, np.int64)

    np.testing.assert_array_equal(stored[rows], ARRAY[rows])
    np.testing.assert_array_equal(stored[start:stop], ARRAY[start:stop])


def test_it_stands_for_the_array(stored):
    np.testing.assert_array_equal(np.asarray(stored), ARRAY)
    assert (stored.shape, stored.dtype, len(stored)) == ((9, 7), np.float32, 9)


def test_threads_read_at_once(tmp_path):
    array = np.arange(40_000, dtype=np.float32).reshape(400, 100)
    np.save(tmp_path / "a.npy", array)
    stored = StoredRows(tmp_path / "a.npy")
    orders = [np.random.default_rng(seed).permutation(400) for seed in range(4)]
    taken = {}

    threads = [threading.Thread(target=lambda n=n: taken.update({n: stored[orders[n]]})) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(np.array_equal(taken[n], array[orders[n]]) for n in range(4))


def test_a_file_that_got_shorter_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4), np.float32))
    stored = StoredRows(tmp_path / "a.npy")
    with open(tmp_path / "a.npy", "rb+") as file:
        file.truncate(150)

    with pytest.raises(WorkspaceError, match="got shorter while it was read"):
        stored[np.array([3])]


def test_rows_of_several_axes_are_those_of_the_array(tmp_path):
    array = np.arange(5 * 3 * 2, dtype=np.float16).reshape(5, 3, 2)
    np.save(tmp_path / "a.npy", array)
    stored = StoredRows(tmp_path / "a.npy")

    np.testing.assert_array_equal(stored[np.array([4, 0, 4])], array[[4, 0, 4]])
    np.testing.assert_array_equal(stored[1:3], array[1:3])
    assert stored.shape == (5, 3, 2)
