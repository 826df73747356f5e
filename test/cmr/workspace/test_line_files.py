"""Lists of names: split exactly where they were joined."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import DataError, WorkspaceError
from cmr.workspace import line_files

# What str.splitlines() takes for the end of a line, beside the two that no name may hold.
ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n"), max_size=8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "image_ids.txt"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(st.one_of(names, st.text(ENDS + "a", max_size=4)), max_size=6))
def test_any_names_come_back(path, items):
    line_files.write_lines(path, items, "image id")

    assert line_files.read_lines(path, WorkspaceError, "write it again") == items


@pytest.mark.parametrize("item", ["a\nb", "a\r", "\r\n", "\ud800.jpg"])
def test_a_name_that_a_list_cannot_hold_is_refused_and_the_old_list_stays(path, item):
    line_files.write_lines(path, ["old.jpg"], "image id")

    with pytest.raises(DataError, match=r"^the image id '.*' holds a line break or is not UTF-8.*; rename it$"):
        line_files.write_lines(path, ["new.jpg", item], "image id")

    assert path.read_text() == "old.jpg\n"


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        (None, "is missing"),
        (b"a.jpg\nb.jp", "is cut off: its last line, 'b.jp', has no end"),
        (b"\xff\n", "is not UTF-8 text"),
    ],
)
def test_a_damaged_list_is_refused(path, content, flaw):
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(WorkspaceError, match=rf"image_ids\.txt .*{flaw}; write it again"):
        line_files.read_lines(path, WorkspaceError, "write it again")


def test_a_folder_in_the_lists_place_is_refused(path):
    path.mkdir()

    with pytest.raises(WorkspaceError, match=r"can't be read \(Is a directory\)"):
        line_files.read_lines(path, WorkspaceError, "write it again")


def test_a_list_that_an_editor_has_saved_reads_the_same(path):
    path.write_bytes(b"a.jpg\r\nb.jpg\r\n")

    assert line_files.read_lines(path, WorkspaceError, "write it again") == ["a.jpg", "b.jpg"]
