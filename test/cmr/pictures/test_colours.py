"""Every mode of a picture becomes eight-bit RGB that shows what the picture shows."""

import numpy as np
import PIL
import pytest
from PIL import Image

from cmr.errors import DataError
from cmr.pictures import colours, files

_SIDE = 64
_RAMP = np.linspace(0, 1, _SIDE * _SIDE).reshape(_SIDE, _SIDE)


def _read(path) -> np.ndarray:
    return files.read_crops(path, _SIDE, 1)[0]


def _assert_is_ramp(square: np.ndarray) -> None:
    assert np.abs(square.astype(int) - (_RAMP * 255)[..., None]).max() < 2


@pytest.mark.parametrize(
    "values",
    [
        _RAMP.astype(np.float32),
        (_RAMP * 1e-3).astype(np.float32),
        (_RAMP * 2e4 - 1e4).astype(np.float32),
        (_RAMP * 60_000 - 30_000).astype(np.int32),
        (_RAMP * 4e9 - 2e9).astype(np.int32),
        (_RAMP * 100_000).astype(np.int32),
        (_RAMP * 65_535).astype(np.uint16),
    ],
    ids=["unit", "small", "signed", "signed whole", "all of 32 bits", "more than 16 bits", "16 bits"],
)
@pytest.mark.parametrize("huge", [False, True])
def test_values_of_any_range_are_scaled_and_not_clipped(tmp_path, values, huge):
    if huge:
        values = values.repeat(70, axis=0).repeat(70, axis=1)
    Image.fromarray(values).save(tmp_path / "deep.tiff")

    _assert_is_ramp(_read(tmp_path / "deep.tiff"))


def test_sixteen_bits_with_a_sign_are_stretched(tmp_path):
    whole = np.asarray(_RAMP * 2000 - 1000).astype("<i2")
    picture = Image.fromarray(whole.astype("<u2"))
    picture.save(tmp_path / "signed.tiff", tiffinfo={339: 2})
    with Image.open(tmp_path / "signed.tiff") as opened:
        assert opened.mode == "I"

    _assert_is_ramp(_read(tmp_path / "signed.tiff"))


def test_sixteen_bits_of_a_portable_greymap_keep_their_scale(tmp_path):
    dark = (_RAMP * 32_767).astype(">u2")
    (tmp_path / "deep.pgm").write_bytes(b"P5 64 64 65535\n" + dark.tobytes())

    assert _read(tmp_path / "deep.pgm").max() == 127


def test_a_transparent_grey_of_sixteen_bits_is_white(tmp_path):
    deep = np.full((_SIDE, _SIDE), 1000, np.uint16)
    deep[:32] = 40_000
    Image.fromarray(deep).save(tmp_path / "clear.png", transparency=1000)

    square = _read(tmp_path / "clear.png")

    assert (square[40, 5].tolist(), square[5, 5].tolist()) == ([255] * 3, [155] * 3)


def test_values_that_are_not_finite_leave_the_others_their_range(tmp_path):
    values = _RAMP.astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    Image.fromarray(values).save(tmp_path / "holes.tiff")

    square = _read(tmp_path / "holes.tiff")

    assert square[0, :3, 0].tolist() == [0, 255, 0]
    assert np.abs(square[1:].astype(int) - (_RAMP * 255)[1:, :, None]).max() < 2


def test_a_picture_without_a_finite_value_is_named(tmp_path):
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(tmp_path / "none.tiff")

    with pytest.raises(DataError, match=r"none\.tiff holds no finite value"):
        _read(tmp_path / "none.tiff")


def test_a_float_picture_of_one_value_is_grey(tmp_path):
    Image.new("F", (8, 8), 3.5).save(tmp_path / "flat.tiff")

    assert np.unique(_read(tmp_path / "flat.tiff")).tolist() == [127]


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "RGBX", "P", "PA", "RGBA", "RGB"])
@pytest.mark.parametrize("colour", [(200, 30, 30), (30, 160, 30), (30, 30, 200), (250, 250, 250), (5, 5, 5)])
def test_a_colour_is_the_same_in_every_mode(tmp_path, mode, colour):
    plain = Image.new("RGB", (_SIDE, _SIDE), colour)
    plain = plain.quantize(2).convert(mode) if mode in ("P", "PA") else plain.convert(mode)
    plain.save(tmp_path / "plain.tiff", compression="raw")
    if mode == "YCbCr" and int(PIL.__version__.partition(".")[0]) < 13:
        pytest.skip("Pillow before 13 takes the bytes of such a TIFF for RGBX")

    # Eight bits of CIELAB are coarse where a colour is strong.
    assert np.abs(_read(tmp_path / "plain.tiff").astype(int) - colour).max() <= (16 if mode == "LAB" else 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "La", "RGBa"])
def test_what_is_half_transparent_is_mixed_with_white(mode):
    grey = Image.new("LA", (8, 8), (100, 128))
    layer = grey.convert("RGBA")
    picture = {
        "RGBA": layer,
        "LA": grey,
        "PA": layer.convert("PA"),
        "La": grey.convert("La"),
        "RGBa": layer.convert("RGBa"),
    }[mode]

    mixed = np.asarray(colours.rgb_converter(picture)(picture)).astype(int)

    assert np.abs(mixed - (100 * 128 + 255 * 127) / 255).max() <= 2


def test_a_palette_with_alpha_lies_over_white(tmp_path):
    picture = Image.new("P", (_SIDE, _SIDE))
    picture.putpalette([255, 0, 0, 255, 0, 0, 255, 0], "RGBA")
    picture.paste(1, (0, 0, 32, 64))
    picture.save(tmp_path / "clear.png")

    square = _read(tmp_path / "clear.png")

    assert (square[5, 5].tolist(), square[5, 50].tolist()) == ([255] * 3, [255, 0, 0])
