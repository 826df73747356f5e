"""Zip archives: right by size and digest, unpacked into the folder and nowhere else."""

import hashlib
import pathlib
import shutil
import stat
import tempfile
import types
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import DataError
from data_prep.download import archives

SHA256 = "sha256:" + hashlib.sha256(b"right").hexdigest()
MD5 = "md5:" + hashlib.md5(b"right").hexdigest()


@pytest.fixture
def data_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def _zip(path: pathlib.Path, members: dict[str, bytes]) -> pathlib.Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _files(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".zip"
    }


@pytest.mark.parametrize("digest", [SHA256, MD5])
def test_a_right_file_gives_its_sha256_whichever_digest_is_published(tmp_path, digest):
    (tmp_path / "a.zip").write_bytes(b"right")
    assert "sha256:" + archives.sha256_if_right(tmp_path / "a.zip", 5, digest) == SHA256


@pytest.mark.parametrize(("digest", "name"), [(SHA256, "SHA-256"), (MD5, "MD5")])
def test_wrong_bytes_of_the_right_length_are_refused_by_the_digest(tmp_path, digest, name):
    (tmp_path / "a.zip").write_bytes(b"wrong")
    with pytest.raises(DataError, match=f"has the {name} .* where .* is published"):
        archives.sha256_if_right(tmp_path / "a.zip", 5, digest)


def test_a_file_of_the_wrong_length_is_refused_without_reading_it(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"righ")
    with pytest.raises(DataError, match="has 4 bytes where 5 are published"):
        archives.sha256_if_right(tmp_path / "a.zip", 5, SHA256)


def test_files_and_folders_come_out_as_they_went_in(data_dir):
    members = {"images/a.jpg": b"a", "images/deep/b.jpg": b"b", "read me.txt": b""}
    count = archives.unpack(_zip(data_dir / "a.zip", members), data_dir, "")
    assert count == 3
    assert _files(data_dir) == members


def test_a_folder_for_the_members_is_put_before_their_names(data_dir):
    archives.unpack(_zip(data_dir / "a.zip", {"a.txt": b"a"}), data_dir, "texts")
    assert _files(data_dir) == {"texts/a.txt": b"a"}


def test_what_the_mac_adds_is_left_out(data_dir):
    members = {"__MACOSX/images/._a.jpg": b"x", "images/.DS_Store": b"x", "images/a.jpg": b"a"}
    assert archives.unpack(_zip(data_dir / "a.zip", members), data_dir, "") == 1
    assert _files(data_dir) == {"images/a.jpg": b"a"}


def test_a_second_archive_adds_to_the_folder_of_the_first(data_dir):
    archives.unpack(_zip(data_dir / "a.zip", {"annotations/2014.json": b"1"}), data_dir, "")
    archives.unpack(_zip(data_dir / "b.zip", {"annotations/2017.json": b"2"}), data_dir, "")
    assert _files(data_dir) == {"annotations/2014.json": b"1", "annotations/2017.json": b"2"}


def test_what_a_killed_unpacking_left_is_cleared_away(data_dir):
    left = data_dir / ".a.zip.unpacking" / "half.jpg"
    left.parent.mkdir()
    left.write_bytes(b"ha")
    archives.unpack(_zip(data_dir / "a.zip", {"whole.jpg": b"whole"}), data_dir, "")
    assert _files(data_dir) == {"whole.jpg": b"whole"}


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/etc/evil", "a/..", "..\\evil", "C:/evil", "\\\\host\\evil"],
)
def test_a_path_that_leaves_the_folder_stops_everything(data_dir, name):
    archive = _zip(data_dir / "a.zip", {"fine.jpg": b"fine", name: b"evil"})
    with pytest.raises(DataError, match="a path that leaves the folder"):
        archives.unpack(archive, data_dir, "")
    assert _files(data_dir.parent) == {}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_stop_everything(data_dir, kind):
    member = zipfile.ZipInfo("link")
    member.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(data_dir / "a.zip", "w") as archive:
        archive.writestr(member, "../elsewhere")
    with pytest.raises(DataError, match="holds a link or device"):
        archives.unpack(data_dir / "a.zip", data_dir, "")
    assert _files(data_dir) == {}


def test_nothing_is_written_through_a_link_in_the_folder(data_dir, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (data_dir / "images").symlink_to(elsewhere)
    with pytest.raises(DataError, match="images is a link"):
        archives.unpack(_zip(data_dir / "a.zip", {"images/a.jpg": b"a"}), data_dir, "")
    assert list(elsewhere.iterdir()) == []


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.text("ab./\\: \0é", min_size=1, max_size=9), min_size=1, max_size=4, unique=True))
def test_no_names_whatever_write_outside_the_folder(names):
    with tempfile.TemporaryDirectory() as temporary:
        data_dir = pathlib.Path(temporary) / "one" / "data"
        data_dir.mkdir(parents=True)
        # NUL and backslash are put in behind zipfile's back, as it cleans the names that it writes.
        with zipfile.ZipFile(data_dir / "a.zip", "w") as archive:
            for name in names:
                member = zipfile.ZipInfo("x")
                member.filename = name
                archive.writestr(member, b"")
        try:
            archives.unpack(data_dir / "a.zip", data_dir, "")
        except (DataError, OSError):
            # OSError: names that contradict each other, such as a file `a` and a file `a/b`.
            assert [path.name for path in data_dir.iterdir()] == ["a.zip"]
        assert [path.name for path in pathlib.Path(temporary).rglob("*") if data_dir not in path.parents] == [
            "one",
            "data",
        ]


def test_a_damaged_archive_is_one_sentence_and_nothing_is_written(data_dir):
    archive = _zip(data_dir / "a.zip", {"a.jpg": b"a" * 1000, "b.jpg": b"b"})
    damaged = bytearray(archive.read_bytes())
    damaged[40] ^= 0xFF
    archive.write_bytes(damaged)
    with pytest.raises(DataError, match=r"can't be unpacked .* fetch it anew"):
        archives.unpack(archive, data_dir, "")
    assert _files(data_dir) == {}


def test_an_archive_with_a_password_is_one_sentence(data_dir):
    archive = _zip(data_dir / "a.zip", {"a.jpg": b"a"})
    locked = bytearray(archive.read_bytes())
    # The flag of encryption, in the file's own header and in the archive's directory.
    locked[6] |= 1
    locked[locked.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(locked)
    with pytest.raises(DataError, match=r"can't be unpacked .*password.* fetch it anew"):
        archives.unpack(archive, data_dir, "")


def test_what_is_no_archive_is_one_sentence(data_dir):
    (data_dir / "a.zip").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match="can't be unpacked"):
        archives.unpack(data_dir / "a.zip", data_dir, "")


def test_an_archive_larger_than_the_disk_is_refused_before_anything_is_written(data_dir, monkeypatch):
    archive = _zip(data_dir / "a.zip", {"a.jpg": b"a" * 5000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=4999))
    with pytest.raises(DataError, match=r"it takes 5.0 kB to unpack a.zip, and .* has 5.0 kB free; free some"):
        archives.unpack(archive, data_dir, "")
    assert _files(data_dir) == {}
