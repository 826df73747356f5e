"""Giving pages back loses nothing that was written, and leaves other arrays alone."""

import re
import sys

import numpy as np
import pytest

from cmr.workspace import mapped


def test_what_was_written_is_there_afterwards_in_the_map_and_in_the_file(tmp_path):
    path = tmp_path / "rows.npy"
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(1000, 50))
    expected = np.arange(50_000, dtype=np.float32).reshape(1000, 50)
    for start in range(0, 1000, 100):
        rows[start : start + 100] = expected[start : start + 100]
        mapped.let_go(rows)

    np.testing.assert_array_equal(rows, expected)
    rows.flush()
    np.testing.assert_array_equal(np.load(path), expected)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")
def test_touched_pages_count_no_longer(tmp_path):
    np.save(tmp_path / "rows.npy", np.ones((2000, 4096), np.float32))
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert rows.sum() == rows.size
    before = _mapped_file_kib()

    mapped.let_go(rows)

    assert before - _mapped_file_kib() > 0.9 * rows.nbytes / 1024


def test_an_array_in_memory_is_left_as_it_is():
    rows = np.ones((3, 2))

    mapped.let_go(rows)

    assert rows.tolist() == [[1, 1]] * 3


def _mapped_file_kib() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return int(re.search(r"^RssFile:\s+(\d+)", status.read(), re.MULTILINE).group(1))
