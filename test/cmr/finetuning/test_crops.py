"""Crops: number 0 is the picture as features are extracted, the others are parts of it, always the same ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cmr.errors import DataError
from cmr.finetuning import crops
from cmr.finetuning.crops import Crop
from cmr.pictures import files


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    pixels = np.random.default_rng(0).integers(256, size=(30, 40, 3)).astype(np.uint8)
    file = tmp_path_factory.mktemp("pictures") / "noise.png"
    Image.fromarray(pixels).save(file)
    return file


def test_the_first_crop_is_what_features_are_extracted_from(path):
    square = crops.read_crop(path, crops.crop_of("any", 0), 16)

    np.testing.assert_array_equal(square, files.read_crops(path, 16, 1)[0])


@given(st.text(), st.integers(1, crops.ANY_CROP - 1))
def test_every_other_crop_lies_in_the_picture_and_is_always_the_same(image_id, number):
    crop = crops.crop_of(image_id, number)

    assert crop == crops.crop_of(image_id, number)
    assert 0.75 <= crop.side <= 1
    assert min(crop.left, crop.top) >= 0
    assert max(crop.left, crop.top) + crop.side <= 1 + 1e-12


def test_images_and_numbers_have_crops_of_their_own_and_half_of_them_are_mirrored():
    drawn = [crops.crop_of(f"{image}.jpg", number) for image in range(40) for number in range(1, 6)]

    assert len(set(drawn)) == 200
    assert 70 < sum(crop.mirrored for crop in drawn) < 130


def test_a_crop_is_that_part_of_the_picture(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[4:, 2:6] = 200
    Image.fromarray(pixels).save(tmp_path / "part.png")

    square = crops.read_crop(tmp_path / "part.png", Crop(0.25, 0.5, 0.5, False), 4)

    np.testing.assert_array_equal(square, np.full((4, 4, 3), 200))


def test_a_mirrored_crop_is_the_crop_from_right_to_left(path):
    plain, mirrored = (crops.read_crop(path, Crop(0.1, 0.2, 0.8, turned), 16) for turned in (False, True))

    np.testing.assert_array_equal(mirrored, plain[:, ::-1])
    assert not np.array_equal(mirrored, plain)


@given(st.integers(1, 1000))
def test_any_crop_can_be_read(path, number):
    assert crops.read_crop(path, crops.crop_of("noise", number), 9).shape == (9, 9, 3)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"lost\.png does not exist"):
        crops.read_crop(tmp_path / "lost.png", crops.WHOLE, 8)
