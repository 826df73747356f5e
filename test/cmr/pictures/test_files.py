"""Pictures of every kind become the RGB squares that a viewer would show."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from cmr.errors import DataError
from cmr.pictures import files


def _quarters() -> np.ndarray:
    """A 64 x 64 picture: red, green / blue, white."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :32], picture[:32, 32:], picture[32:, :32], picture[32:, 32:] = (
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
    )
    return picture


def _corner_colours(square: np.ndarray) -> list[tuple[int, ...]]:
    side = len(square)
    places = ((side // 8, side // 8), (side // 8, -side // 8), (-side // 8, side // 8), (-side // 8, -side // 8))
    return [tuple(int(value) for value in square[place]) for place in places]


def _read(path: pathlib.Path, size: int = 32) -> np.ndarray:
    return files.read_crops(str(path), size, 1)[0]


@pytest.mark.parametrize("name", ["plain.png", "plain.bmp", "plain.webp", "plain.tiff", "plain.gif"])
def test_a_picture_of_the_right_size_is_not_changed(tmp_path, name):
    picture = Image.fromarray(_quarters())
    picture.save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))

    assert np.array_equal(_read(tmp_path / name, 64), _quarters())


def test_the_whole_picture_is_kept_whatever_its_aspect(tmp_path):
    Image.fromarray(_quarters()).resize((200, 50), Image.Resampling.NEAREST).save(tmp_path / "wide.png")

    square = _read(tmp_path / "wide.png")

    assert _corner_colours(square) == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def test_a_rotated_photograph_stands_upright(tmp_path):
    rotated = Image.fromarray(np.rot90(_quarters(), 1).copy())
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    rotated.save(tmp_path / "rotated.png", exif=exif)

    assert np.array_equal(_read(tmp_path / "rotated.png", 64), _quarters())


def test_grey_and_black_and_white_pictures_have_three_equal_channels(tmp_path):
    grey = Image.fromarray(_quarters()).convert("L")
    grey.save(tmp_path / "grey.png")
    grey.convert("1").save(tmp_path / "one_bit.png")

    for name in ("grey.png", "one_bit.png"):
        square = _read(tmp_path / name, 64)
        assert np.array_equal(square[..., 0], square[..., 1])
        assert np.array_equal(square[..., 0], square[..., 2])
        assert square.max() == 255


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "deep.png")

    square = _read(tmp_path / "deep.png", 64)

    assert np.array_equal(square[..., 0], (ramp / 257).astype(np.uint8))


def test_a_palette_picture_has_its_colours(tmp_path):
    Image.fromarray(_quarters()).quantize(8, dither=Image.Dither.NONE).save(tmp_path / "palette.png")

    assert np.abs(_read(tmp_path / "palette.png", 64).astype(int) - _quarters()).max() <= 4


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_is_white(tmp_path, mode):
    layer = Image.fromarray(np.dstack([_quarters(), np.full((64, 64), 255, np.uint8)]), "RGBA")
    layer.paste((0, 0, 0, 0), (0, 0, 32, 32))
    layer.convert(mode).save(tmp_path / "clear.tiff" if mode == "PA" else tmp_path / "clear.png")
    path = next(tmp_path.iterdir())

    assert _corner_colours(_read(path, 64))[0] == (255, 255, 255)


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    picture = Image.fromarray(_quarters()).quantize(8, dither=Image.Dither.NONE)
    red = picture.getpixel((0, 0))
    picture.save(tmp_path / "clear.gif", transparency=red)

    assert _corner_colours(_read(tmp_path / "clear.gif", 64))[0] == (255, 255, 255)


def test_a_cmyk_photograph_has_its_colours(tmp_path):
    Image.fromarray(_quarters()).convert("CMYK").save(tmp_path / "print.jpg", quality=95)

    colours = np.array(_corner_colours(_read(tmp_path / "print.jpg", 64)))

    assert np.abs(colours - [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]).max() <= 12


def test_a_huge_photograph_is_read_at_a_fraction_of_its_size(tmp_path):
    Image.fromarray(_quarters()).resize((9000, 8000), Image.Resampling.NEAREST).save(tmp_path / "huge.jpg")

    colours = np.array(_corner_colours(_read(tmp_path / "huge.jpg")))

    assert np.abs(colours - [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]).max() <= 12


def test_ten_crops_are_corners_and_centre_and_their_mirror_images(tmp_path):
    side = round(32 * 256 / 224)
    picture = np.random.default_rng(0).integers(256, size=(side, side, 3)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "noise.png")

    crops = files.read_crops(str(tmp_path / "noise.png"), 32, 10)

    assert crops.shape == (10, 32, 32, 3)
    assert np.array_equal(crops[0], picture[:32, :32])
    assert np.array_equal(crops[3], picture[side - 32 :, side - 32 :])
    assert np.array_equal(crops[5:], crops[:5, :, ::-1])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"this is no picture", "is not a picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "can't be decoded"),
    ],
)
def test_a_file_that_is_no_picture_is_named(tmp_path, content, said):
    (tmp_path / "bad.jpg").write_bytes(content)

    with pytest.raises(DataError, match=f"bad.jpg.*{said}"):
        _read(tmp_path / "bad.jpg")


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "cut.gif", "cut.tiff"])
def test_a_picture_that_was_cut_off_is_named(tmp_path, name):
    noise = np.random.default_rng(0).integers(256, size=(200, 200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])

    with pytest.raises(DataError, match=name):
        _read(tmp_path / name)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.jpg does not exist"):
        _read(tmp_path / "none.jpg")
