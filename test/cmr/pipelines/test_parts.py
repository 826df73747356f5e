"""Parts on the shared disk: whatever workers did twice, in any order and with any names, each item is found once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import WorkspaceError
from cmr.pipelines import parts
from cmr.pipelines.parts import ROWS, UNREADABLE, Part, Results

# Names of files need not be text.
KEYS = st.text(st.characters() | st.integers(0xDC80, 0xDCFF).map(chr), max_size=8)


def part_of(keys, kind=ROWS) -> Part:
    rows = np.array([[len(key), sum(map(ord, key))] for key in keys], np.float32).reshape(len(keys), 2)
    return Part(kind, keys, {"rows": rows}, [f"{key} is bad" for key in keys] if kind == UNREADABLE else [])


# Each part is made safe on the disk, which takes a while.
@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(KEYS, min_size=1, max_size=5, unique=True), max_size=6))
def test_every_item_is_found_with_its_own_row_however_often_it_was_done(tmp_path_factory, batches):
    folder = tmp_path_factory.mktemp("parts")
    for keys in batches:
        parts.write(folder, part_of(keys))

    results = Results(folder)

    assert set(results) == {key for keys in batches for key in keys}
    assert parts.count(folder) == sum(map(len, batches))
    for key in results:
        located = results[key]
        assert located.kind == ROWS
        np.testing.assert_array_equal(results.value(located, "rows"), part_of([key]).arrays["rows"][0])


def test_unreadable_items_have_their_reasons_and_may_be_forgotten(tmp_path):
    parts.write(tmp_path, part_of(["a", "b"]))
    parts.write(tmp_path, part_of(["c"], UNREADABLE))
    results = Results(tmp_path)
    assert results.reason(results["c"]) == "c is bad"

    assert set(Results(tmp_path, forgotten=UNREADABLE)) == {"a", "b"}
    assert set(Results(tmp_path)) == {"a", "b"}


def test_what_a_killed_worker_left_half_written_and_what_is_damaged_is_done_again(tmp_path):
    for keys in (["a"], ["b"]):
        parts.write(tmp_path, part_of(keys))
    damaged = Results(tmp_path)["a"].file
    (tmp_path / f".17.tmp.{damaged.name}").write_bytes(damaged.read_bytes()[:40])
    damaged.write_bytes(damaged.read_bytes()[:40])

    assert set(Results(tmp_path)) == {"b"}
    assert not damaged.exists()


def test_a_part_that_is_damaged_behind_its_names_is_refused_when_it_is_read(tmp_path):
    parts.write(tmp_path, Part(ROWS, ["a"], {"rows": np.ones((1, 5000), np.float32)}))
    results = Results(tmp_path)
    file = results["a"].file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)

    with pytest.raises(WorkspaceError, match=r"npz is damaged; remove it and run the same command again"):
        results.value(results["a"], "rows")


def test_a_folder_that_is_not_there_has_no_results(tmp_path):
    assert (len(Results(tmp_path / "none")), parts.count(tmp_path / "none")) == (0, 0)
