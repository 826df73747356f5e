"""Files appear whole under their final name, or not at all."""

import numpy as np
import pytest

from cmr.workspace import atomic_files


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path):
    final = tmp_path / "table.txt"
    final.write_text("old")

    with pytest.raises(ZeroDivisionError), atomic_files.atomic_path(final) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError

    assert final.read_text() == "old"
    assert names_in(tmp_path) == ["table.txt"]


def test_the_final_name_shows_the_old_content_until_the_block_ends(tmp_path):
    final = tmp_path / "table.txt"
    final.write_text("old")

    with atomic_files.atomic_path(final) as temporary:
        temporary.write_text("new")
        assert final.read_text() == "old"

    assert final.read_text() == "new"
    assert names_in(tmp_path) == ["table.txt"]


def test_the_folder_is_made(tmp_path):
    atomic_files.write_text(tmp_path / "a" / "b" / "table.txt", "text")

    assert (tmp_path / "a" / "b" / "table.txt").read_text() == "text"


def test_the_temporary_name_keeps_the_ending_by_which_formats_are_chosen(tmp_path):
    with atomic_files.atomic_path(tmp_path / "kernel.npz") as temporary:
        np.savez(temporary, kernel=np.ones(2))

    assert names_in(tmp_path) == ["kernel.npz"]


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    final = tmp_path / "table.txt"
    final.write_text("old")

    with pytest.raises(FileNotFoundError), atomic_files.atomic_path(final):
        pass

    assert final.read_text() == "old"


def test_text_is_utf_8(tmp_path):
    atomic_files.write_text(tmp_path / "table.txt", "é ’\n")

    assert (tmp_path / "table.txt").read_bytes() == "é ’\n".encode()


def test_a_folder_is_there_when_it_is_whole(tmp_path):
    with atomic_files.atomic_folder(tmp_path / "a" / "made") as folder:
        folder.mkdir()
        (folder / "file").write_text("content")
        assert not (tmp_path / "a" / "made").exists()

    assert (tmp_path / "a" / "made" / "file").read_text() == "content"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["made"]


def test_a_folder_whose_writer_fails_is_not_there(tmp_path):
    with pytest.raises(KeyError), atomic_files.atomic_folder(tmp_path / "made") as folder:
        folder.mkdir()
        (folder / "file").write_text("half")
        raise KeyError

    assert not list(tmp_path.iterdir())


def test_a_folder_never_takes_the_place_of_another_one(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "file").write_text("old")

    with pytest.raises(OSError, match="not empty"), atomic_files.atomic_folder(tmp_path / "made") as folder:
        folder.mkdir()

    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    assert (tmp_path / "made" / "file").read_text() == "old"


def test_a_folder_is_removed_whether_it_is_there_or_not(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "file").touch()

    for _ in range(2):
        atomic_files.remove_folder(tmp_path / "made")

    assert not list(tmp_path.iterdir())
