"""Which files of a folder are its pictures."""

import errno
import os

import out_of_reach
import pytest
from PIL import Image

from cmr.errors import WorkspaceError
from cmr.gallery import walking


def names(folder, unseen=None):
    def leave_alone(path, remark):
        if unseen is not None:
            unseen.append((os.fsdecode(path), remark))

    return [os.fsdecode(path) for path, _ in walking.walk(folder, leave_alone)]


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.gif", "a.webp", "a.tif", "a.bmp", "a.avif", "a.HEIC"])
def test_a_picture_is_known_by_its_name_be_its_reader_installed_or_not(name):
    assert walking.is_picture_name(name)


@pytest.mark.parametrize("name", ["a.txt", "a.mp4", "a.mpg", "a.pdf", "a.eps", "a.h5", "a", "jpg", ".jpg", "a.cmr"])
def test_other_files_are_none(name):
    assert not walking.is_picture_name(name)


def test_folders_are_walked_in_the_order_of_their_names(tmp_path):
    touch(tmp_path, "b/2.png", "b/1.png", "a.png", "c/d/e.png")

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


def test_a_folder_that_can_not_be_listed_is_told_and_the_rest_is_walked(tmp_path, monkeypatch):
    touch(tmp_path, "a.png", "b/c/d.png", "e.png")
    out_of_reach.listings(monkeypatch, tmp_path / "b" / "c", number=errno.EACCES)
    unseen = []

    assert names(tmp_path, unseen) == ["a.png", "e.png"]
    assert unseen == [("b/c", f"{tmp_path / 'b' / 'c'} can't be listed (Permission denied)")]


def test_a_pictures_folder_that_can_not_be_listed_is_refused(tmp_path, monkeypatch):
    out_of_reach.listings(monkeypatch, tmp_path, number=errno.EIO)

    with pytest.raises(WorkspaceError, match=r"can't be listed \(Input/output error\); see to its disk or its rights"):
        names(tmp_path)


@pytest.mark.parametrize(
    ("number", "is_told"),
    {
        errno.ENOENT: False,
        errno.ENOTDIR: False,
        errno.ELOOP: False,
        errno.EACCES: True,
        errno.EIO: True,
        errno.ESTALE: True,
    }.items(),
)
def test_a_picture_that_may_be_there_and_can_not_be_looked_at_is_told(tmp_path, monkeypatch, number, is_told):
    touch(tmp_path, "a.png", "b/1.png")
    out_of_reach.looks(monkeypatch, tmp_path / "b" / "1.png", number=number)
    unseen = []

    assert names(tmp_path, unseen) == ["a.png"]
    told = ("b/1.png", f"{tmp_path / 'b' / '1.png'} can't be looked at ({os.strerror(number)})")
    assert unseen == ([told] if is_told else [])


@pytest.mark.parametrize("mark", ["gallery.json", "shards/2-of-3/gallery.json"])
@pytest.mark.parametrize("gallery", ["", "deep/gallery/"])
def test_a_gallerys_thumbnails_are_no_pictures_wherever_it_lies(tmp_path, mark, gallery):
    touch(tmp_path, f"{gallery}{mark}", f"{gallery}thumbnails/00.jpg", f"{gallery}b.png", "others/thumbnails/a.png")

    assert sorted(names(tmp_path)) == sorted([f"{gallery}b.png", "others/thumbnails/a.png"])


def test_heic_is_read_where_its_package_is(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    from cmr.pictures import files

    heif.from_pillow(Image.new("RGB", (64, 48), (200, 30, 40))).save(tmp_path / "a.heic")

    assert names(tmp_path) == ["a.heic"]
    assert files.read_crops(tmp_path / "a.heic", 8, 1).reshape(-1, 3).mean(axis=0) == pytest.approx(
        [200, 30, 40], abs=6
    )
