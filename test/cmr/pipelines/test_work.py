"""The folder of a pipeline: which items go to workers, and whose results it may hold."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import WorkspaceError
from cmr.pipelines import work
from cmr.pipelines.work import Work

TEXTS = st.text(st.characters() | st.integers(0xDC80, 0xDCFF).map(chr), max_size=6)


@settings(max_examples=50, deadline=None)
@given(items=st.lists(st.lists(TEXTS, min_size=1, max_size=3), max_size=40), batch_size=st.integers(1, 7))
def test_workers_get_every_item_once_and_in_order(tmp_path_factory, items, batch_size):
    place = Work(tmp_path_factory.mktemp("home"), {})
    place.begin()

    listed = place.write_items(items, batch_size)

    assert [json.loads(line) for group in listed.groups for line in listed.lines(group)] == items
    assert all(count % batch_size == 0 for _, count in listed.groups[:-1])


def test_few_items_are_spread_and_many_come_in_whole_batches(tmp_path):
    place = Work(tmp_path, {})
    place.begin()

    few = place.write_items([["x"]] * 500, 10).groups
    many = place.write_items([["x"]] * 20_000, 10).groups

    assert [count for _, count in few] == [10] * 50
    assert [count for _, count in many] == [80] * 250


def test_results_of_other_settings_are_not_taken(tmp_path):
    first, second = Work(tmp_path, {"weights": "a"}), Work(tmp_path, {"weights": "b"})
    first.begin()
    assert Work(tmp_path, {"weights": "a"}).folder == first.folder != second.folder

    second.begin()

    assert not first.folder.exists()
    work.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_does_not_see_the_list_says_so(tmp_path):
    place = Work(tmp_path, {})
    place.begin()
    listed = place.write_items([["x"]], 1)
    listed.path.unlink()

    with pytest.raises(WorkspaceError, match=r"a worker can't read .*; it must lie on a disk that the workers share"):
        listed.lines(listed.groups[0])


def test_workers_with_another_working_directory_find_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert Work(tmp_path.relative_to(tmp_path) / "below", {}).folder.parent == tmp_path / "below"
