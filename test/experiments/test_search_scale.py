"""The simulated shards that searches are timed on: the same rows as the one file, and the same results."""

import numpy as np
import pytest

from experiments.scale import simulated_shards


@pytest.fixture
def folder(tmp_path, monkeypatch):
    # So that the rows take several blocks.
    monkeypatch.setattr(simulated_shards, "_ROWS_AT_ONCE", 70)
    simulated_shards.write(tmp_path, 300, dim=8, count=3)
    return tmp_path


def test_the_shards_hold_every_row_of_the_one_file_once(folder):
    rows, numbers = [
        np.concatenate([np.load(folder / f"{place}{kind}.npy") for place in range(3)]) for kind in ("", "-numbers")
    ]

    assert rows.dtype == np.float16
    np.testing.assert_array_equal(rows[np.argsort(numbers)], np.load(folder / "one.npy"))
    assert sorted(numbers) == list(range(300))
    np.testing.assert_allclose(np.linalg.norm(rows.astype(np.float64), axis=1), 1, atol=2e-3)


def test_both_searches_find_the_same(folder):
    one = simulated_shards.search_one(folder, 5)

    assert simulated_shards.search_shards(folder, 5, 3).results == one.results
    assert [len(found) for found in one.results] == [10] * 6
