"""JSON files: read whole, or refused in one sentence that names the file and the mend."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import DataError, WorkspaceError
from cmr.workspace import json_files
from cmr.workspace.json_kinds import Record, Whole

plain = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
contents = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.json"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=contents)
def test_what_is_written_is_read(path, content):
    json_files.write_json(path, content)

    assert json_files.read_json(path, WorkspaceError, "write it again") == content


def test_a_byte_order_mark_is_no_part_of_the_content(path):
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')

    assert json_files.read_json(path, WorkspaceError, "write it again") == {"a": 1}


def test_a_whole_surrogate_pair_is_one_character(path):
    path.write_text(r'"\ud83d\ude00"')

    assert json_files.read_json(path, WorkspaceError, "write it again") == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        (b"", "is not JSON"),
        (b'{"a": 1', "is not JSON"),
        (b"{'a': 1}", "is not JSON"),
        (b"[1] 2", "is not JSON"),
        (b"\xff\xfe{}", "is not UTF-8 text"),
        (rb'"\ud800"', "is not UTF-8 text"),
        (rb'{"\udfff": 1}', "is not UTF-8 text"),
        (b'["a",\n "\\ud83d\\ude00 \\ud83d runs"]', r"is not UTF-8 text, \ud83d being half a surrogate pair (line 2, "),
        (rb'{"a": 1, "a": 2}', "is not JSON (an object has the key 'a' twice)"),
        (rb'[{"b": {"a": 1, "b": 2, "a": 1}}]', "is not JSON (an object has the key 'a' twice)"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"1" * 10_000, "is not JSON"),
        (b"\0" * 100, "is not JSON"),
    ],
)
def test_what_is_no_json_is_refused_in_one_sentence(path, content, flaw):
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        json_files.read_json(path, DataError, "write it again")

    assert str(caught.value).startswith(f"{path} {flaw}")
    assert str(caught.value).endswith("; write it again")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(path):
    with pytest.raises(WorkspaceError, match=r"table\.json is missing; write it again"):
        json_files.read_json(path, WorkspaceError, "write it again")


def test_a_folder_in_the_files_place_is_refused(path):
    path.mkdir()

    with pytest.raises(WorkspaceError, match=r"table\.json can't be read \(Is a directory\); write it again"):
        json_files.read_json(path, WorkspaceError, "write it again")


def test_content_of_another_kind_is_refused_with_its_first_wrong_key(path):
    path.write_text(json.dumps({"images": -3}))

    with pytest.raises(WorkspaceError, match=r"images is -3, not a whole number of at least 0; write it again"):
        json_files.read_workspace_json(path, Record({"images": Whole()}), "write it again")
