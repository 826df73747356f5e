"""A raw data set's archives: fetched once, checked, unpacked, recorded, and never trusted."""

import dataclasses
import hashlib
import io
import json
import pathlib
import shutil
import types
import zipfile

import loopback
import pytest

from cmr.errors import DataError
from data_prep.download import fetching
from data_prep.download.sources import Archive
from data_prep.download.steps import carry_out, plan


def _zip(members: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


DATA = _zip({"images/a.jpg": "a" * 3000, "images/b.jpg": "b" * 3000})
SHA256 = hashlib.sha256(DATA).hexdigest()


def _archive(digest: str = f"sha256:{SHA256}") -> Archive:
    return Archive("images", "http://official.example/pictures.zip", len(DATA), digest, "images")


def _download(data_dir: pathlib.Path, mirror: str, archive: Archive | None = None) -> None:
    steps = plan((archive or _archive(),), data_dir, mirror)
    with fetching.session(backoff=0) as http:
        carry_out(steps, data_dir, http)


def _names(folder: pathlib.Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


UNPACKED = ["downloads.json", "images/a.jpg", "images/b.jpg"]


def test_an_archive_is_fetched_unpacked_and_then_removed(tmp_path):
    with loopback.serving(DATA, loopback.honest()) as server:
        _download(tmp_path / "data", server.url)
    assert _names(tmp_path / "data") == UNPACKED


def test_the_record_tells_where_from_and_the_sha256(tmp_path):
    digest = "md5:" + hashlib.md5(DATA).hexdigest()
    with loopback.serving(DATA, loopback.honest()) as server:
        _download(tmp_path, server.url, _archive(digest))
    assert json.loads((tmp_path / "downloads.json").read_text()) == {
        "pictures.zip": {
            "bytes": len(DATA),
            "sha256": SHA256,
            "published": digest,
            "files": 2,
            "url": f"{server.url}/pictures.zip",
        }
    }


def test_the_digest_that_was_computed_is_printed(tmp_path, capsys):
    with loopback.serving(DATA, loopback.honest()) as server:
        _download(tmp_path, server.url)
    assert f"SHA-256 as published, 2 files unpacked (SHA-256 {SHA256})" in capsys.readouterr().out


def test_a_second_run_asks_for_nothing(tmp_path):
    with loopback.serving(DATA, loopback.honest()) as server:
        _download(tmp_path, server.url)
        server.requests.clear()
        _download(tmp_path, server.url)
    assert server.requests == []


def test_a_folder_that_was_removed_is_fetched_again(tmp_path):
    with loopback.serving(DATA, loopback.honest()) as server:
        _download(tmp_path, server.url)
        shutil.rmtree(tmp_path / "images")
        _download(tmp_path, server.url)
    assert _names(tmp_path) == UNPACKED


def test_wrong_bytes_are_removed_and_never_unpacked(tmp_path):
    wrong = _zip({"images/a.jpg": "x" * 3000, "images/b.jpg": "b" * 3000})
    assert len(wrong) == len(DATA)
    refusal = pytest.raises(DataError, match=r"SHA-256 .* is published; it was removed; run the same command")
    with loopback.serving(wrong, loopback.honest()) as server, refusal:
        _download(tmp_path, server.url)
    assert _names(tmp_path) == []


def test_after_wrong_bytes_the_right_ones_are_taken(tmp_path):
    with loopback.serving(DATA, loopback.bare(200, {}, b"x" * len(DATA)), loopback.honest()) as server:
        with pytest.raises(DataError):
            _download(tmp_path, server.url)
        _download(tmp_path, server.url)
    assert _names(tmp_path) == UNPACKED


def test_a_mirror_that_joins_another_file_onto_ours_is_found_out(tmp_path):
    path = tmp_path / "pictures.zip"
    fetching.partial_path(path).write_bytes(b"x" * 100)
    with loopback.serving(DATA, loopback.honest()) as server, pytest.raises(DataError, match="is published"):
        _download(tmp_path, server.url)
    assert _names(tmp_path) == []


def test_an_archive_fetched_in_another_way_is_unpacked_without_the_network_and_kept(tmp_path):
    (tmp_path / "pictures.zip").write_bytes(DATA)
    _download(tmp_path, "http://127.0.0.1:9")
    assert _names(tmp_path) == [*UNPACKED, "pictures.zip"]


def test_a_wrong_archive_of_the_users_own_is_refused_and_left_alone(tmp_path):
    (tmp_path / "pictures.zip").write_bytes(b"x" * len(DATA))
    with pytest.raises(DataError, match=r"remove it or put the right pictures.zip there"):
        _download(tmp_path, "http://127.0.0.1:9")
    assert _names(tmp_path) == ["pictures.zip"]


def test_files_that_were_there_already_are_neither_fetched_nor_touched(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_text("my own")
    _download(tmp_path, "http://127.0.0.1:9")
    assert (tmp_path / "images" / "a.jpg").read_text() == "my own"
    assert _names(tmp_path) == ["images/a.jpg"]


def test_a_plan_tells_what_has_arrived_and_writes_nothing(tmp_path):
    fetching.partial_path(tmp_path / "pictures.zip").write_bytes(DATA[:1000])
    (step,) = plan((_archive(),), tmp_path, "")
    assert (step.state, step.arrived, step.to_fetch) == ("partial", 1000, len(DATA) - 1000)
    assert _names(tmp_path) == ["pictures.zip.partial"]


def test_the_official_address_is_used_without_a_mirror(tmp_path):
    (step,) = plan((_archive(),), tmp_path, "")
    assert step.url == "http://official.example/pictures.zip"


def test_a_disk_without_room_is_refused_before_a_request_is_made(tmp_path, monkeypatch):
    # The archive, and once more as much for what is in it.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=2 * len(DATA) - 1))
    refusal = pytest.raises(DataError, match=r"to fetch and unpack pictures\.zip, and .* free; free some or name")
    with loopback.serving(DATA, loopback.honest()) as server, refusal:
        _download(tmp_path / "data", server.url)
    assert server.requests == []
    assert not (tmp_path / "data").exists()


def test_an_archive_without_what_it_should_hold_is_refused(tmp_path):
    data = _zip({"other/a.jpg": "a"})
    archive = dataclasses.replace(_archive(f"sha256:{hashlib.sha256(data).hexdigest()}"), size=len(data))
    with loopback.serving(data, loopback.honest()) as server, pytest.raises(DataError, match="holds no images"):
        _download(tmp_path, server.url, archive)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[]"])
def test_a_broken_record_is_one_sentence(tmp_path, text):
    (tmp_path / "downloads.json").write_text(text)
    with pytest.raises(DataError, match=r"downloads.json is .*the record that this command writes.* remove it"):
        plan((_archive(),), tmp_path, "")
