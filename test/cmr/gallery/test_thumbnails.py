"""Small copies of pictures: upright, bounded, made once for each content."""

import io

import numpy as np
import pytest
import written_galleries
from PIL import Image

from cmr.errors import DataError
from cmr.gallery import contact_sheet, thumbnails


@pytest.fixture
def gallery(tmp_path):
    Image.new("RGB", (3000, 1000), (250, 10, 10)).save(tmp_path / "0.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (40, 20)).save(tmp_path / "1.png", exif=exif)
    return written_galleries.write(tmp_path, np.eye(3, dtype=np.float32))


def size(content):
    with Image.open(io.BytesIO(content)) as picture:
        return picture.format, picture.size


def test_a_large_picture_is_made_small_and_a_small_one_is_not_made_large(gallery):
    assert size(thumbnails.thumbnail(gallery, 0).jpeg) == ("JPEG", (960, 320))
    assert size(thumbnails.thumbnail(gallery, 1).jpeg) == ("JPEG", (20, 40))


def test_it_is_made_once(gallery):
    first = thumbnails.thumbnail(gallery, 0)
    (gallery.place.pictures / "0.png").unlink()

    assert thumbnails.thumbnail(gallery, 0) == first


@pytest.mark.parametrize("damage", [lambda jpeg: b"", lambda jpeg: jpeg[:200], lambda jpeg: b"no picture"])
def test_a_damaged_one_is_made_anew(gallery, damage):
    whole = thumbnails.thumbnail(gallery, 0)
    (kept,) = gallery.place.thumbnails.iterdir()
    kept.write_bytes(damage(whole.jpeg))

    assert thumbnails.thumbnail(gallery, 0) == whole
    assert kept.read_bytes() == whole.jpeg


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (5, 3000), (2, 3000)])
def test_a_picture_of_a_few_pixels_width_is_shown_too(gallery, size):
    Image.new("RGB", size, (250, 10, 10)).save(gallery.place.pictures / "0.png")

    assert min(Image.open(io.BytesIO(thumbnails.thumbnail(gallery, 0).jpeg)).size) >= 1
    sheet = contact_sheet.draw(gallery, "a query", gallery.search(np.array([1, 0, 0], np.float32), top=3))
    assert (abs(np.asarray(sheet).astype(int) - [250, 10, 10]).max(axis=-1) < 40).any()


def test_a_picture_is_read_with_the_limit_that_it_was_indexed_with(gallery):
    with pytest.raises(DataError, match=r"3,000,000|3,000 x 1,000"):
        thumbnails.thumbnail(gallery, 0, max_pixels=2_999_999)
    red = gallery.search(np.array([1, 0, 0], np.float32), top=1)

    sheets = [contact_sheet.draw(gallery, "a query", red, max_pixels=pixels) for pixels in (2_999_999, 3_000_000)]

    distances = [abs(np.asarray(sheet).astype(int) - [250, 10, 10]).max(axis=-1) for sheet in sheets]
    assert [bool((distance < 40).any()) for distance in distances] == [False, True]


def test_a_file_that_has_become_another_picture_is_shown_and_not_kept(gallery):
    red = gallery.place.pictures / "0.png"
    as_indexed = red.read_bytes()
    Image.new("RGB", (30, 10), "blue").save(red)

    assert size(thumbnails.thumbnail(gallery, 0).jpeg) == ("JPEG", (30, 10))
    assert not thumbnails.thumbnail(gallery, 0).is_as_indexed
    assert not gallery.place.thumbnails.exists()

    red.write_bytes(as_indexed)
    assert size(thumbnails.thumbnail(gallery, 0).jpeg) == ("JPEG", (960, 320))
    assert len(list(gallery.place.thumbnails.iterdir())) == 1


def test_a_picture_that_is_no_longer_there_is_refused(gallery):
    (gallery.place.pictures / "0.png").unlink()

    with pytest.raises(DataError, match=r"0\.png can't be read"):
        thumbnails.thumbnail(gallery, 0)


def test_a_sheet_shows_an_empty_place_for_a_picture_that_can_not_be_read(gallery):
    hits = gallery.search(np.array([1, 0, 0], np.float32), top=3)

    sheet = contact_sheet.draw(gallery, "a query " * 40, hits, ["a sentence .", "", "another"])

    pixels = np.asarray(sheet).astype(int)
    assert (pixels == [232, 232, 232]).all(axis=-1).any()
    assert (abs(pixels - [250, 10, 10]).max(axis=-1) < 12).any()
