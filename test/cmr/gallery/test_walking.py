"""Which files of a folder are its pictures."""

import os

import pytest
from PIL import Image

from cmr.gallery import walking


def names(folder, remarks=None):
    return [os.fsdecode(path) for path, _ in walking.walk(folder, (remarks if remarks is not None else []).append)]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.gif", "a.webp", "a.tif", "a.bmp", "a.avif", "a.HEIC"])
def test_a_picture_is_known_by_its_name_be_its_reader_installed_or_not(name):
    assert walking.is_picture_name(name)


@pytest.mark.parametrize("name", ["a.txt", "a.mp4", "a.mpg", "a.pdf", "a.eps", "a.h5", "a", "jpg", ".jpg", "a.cmr"])
def test_other_files_are_none(name):
    assert not walking.is_picture_name(name)


def test_folders_are_walked_in_the_order_of_their_names(tmp_path):
    for name in ("b/2.png", "b/1.png", "a.png", "c/d/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert names(tmp_path) == ["a.png", "b/1.png", "b/2.png", "c/d/e.png"]


def test_links_to_files_are_followed_to_folders_and_to_nothing_not(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "broken.png").symlink_to("missing.png")

    assert names(tmp_path) == ["a.png", "link.png"]


def test_a_pipe_is_no_picture_whatever_its_name(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")

    assert names(tmp_path) == []


def test_heic_is_read_where_its_package_is(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    from cmr.pictures import files

    heif.from_pillow(Image.new("RGB", (64, 48), (200, 30, 40))).save(tmp_path / "a.heic")

    assert names(tmp_path) == ["a.heic"]
    assert files.read_crops(tmp_path / "a.heic", 8, 1).reshape(-1, 3).mean(axis=0) == pytest.approx(
        [200, 30, 40], abs=6
    )
