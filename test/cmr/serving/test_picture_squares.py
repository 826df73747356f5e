"""The graph's squares are files.read_crops's, up to rounding."""

import functools
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cmr.pictures import files
from cmr.serving import picture_squares


def drawn(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A picture of colours that change smoothly, with edges in it."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9) + np.cos(y / 7), np.sin(x / 23 + y / 11), np.sign(np.sin(x / 31)) + y / height]
    values = [127 + 60 * wave for wave in waves]
    rgb = Image.fromarray(np.stack(values, axis=2).clip(0, 255).astype(np.uint8))
    if mode == "RGBA":
        rgb.putalpha(Image.fromarray((255 * x / width).astype(np.uint8)))
        return rgb
    return rgb.convert(mode)


def encoded(picture: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def differences(content: bytes, size: int, crops: int = 1) -> np.ndarray:
    squares = tf.function(picture_squares.squares)(tf.constant(content), size, crops).numpy()
    wanted = files.read_crops(content, size, crops)
    assert squares.shape == wanted.shape
    assert squares.dtype == np.uint8
    return np.abs(squares.astype(int) - wanted)


PICTURES = {
    "jpeg": lambda: encoded(drawn(640, 427), "JPEG"),
    "tall jpeg": lambda: encoded(drawn(300, 640), "JPEG"),
    "progressive jpeg": lambda: encoded(drawn(200, 200), "JPEG", progressive=True, quality=60),
    "jpeg of full colours": lambda: encoded(drawn(199, 133), "JPEG", subsampling=0),
    "grey jpeg": lambda: encoded(drawn(150, 100, "L"), "JPEG"),
    "png": lambda: encoded(drawn(90, 70), "PNG"),
    "transparent png": lambda: encoded(drawn(90, 70, "RGBA"), "PNG"),
    "png of few colours": lambda: encoded(drawn(90, 70, "P"), "PNG"),
    "grey png": lambda: encoded(drawn(90, 70, "L"), "PNG"),
    "line art": lambda: encoded(drawn(90, 70, "1"), "PNG"),
    **{
        f"png of {bits} bits{', transparent' * bool(options)}": functools.partial(
            lambda bits, options: encoded(drawn(90, 70).quantize(2**bits), "PNG", bits=bits, **options), bits, options
        )
        for bits in (1, 2, 4)
        for options in ({}, {"transparency": 0})
    },
    "bmp": lambda: encoded(drawn(90, 70), "BMP"),
    "gif": lambda: encoded(drawn(90, 70), "GIF"),
    "one pixel": lambda: encoded(drawn(1, 1), "PNG"),
}


@pytest.mark.parametrize("size", [64, 224])
@pytest.mark.parametrize("kind", PICTURES)
def test_squares_are_those_of_the_reader_but_for_roundings(kind, size):
    apart = differences(PICTURES[kind](), size)

    assert apart.max() <= 2
    assert (apart > 0).mean() < 0.02


@pytest.mark.parametrize(
    ("form", "width", "height"), [("JPEG", 4200, 3000), ("JPEG", 900, 4300), ("JPEG", 5000, 100), ("PNG", 4100, 1031)]
)
def test_large_pictures_are_brought_to_a_fraction_first_as_the_reader_does(form, width, height):
    apart = differences(encoded(drawn(width, height), form), 224)

    assert apart.max() <= 2
    assert (apart > 0).mean() < 0.02


def test_ten_crops_are_cut_where_the_reader_cuts_them():
    assert differences(encoded(drawn(300, 200), "JPEG"), 96, crops=10).max() <= 2


@pytest.mark.parametrize(
    ("form", "mode"), [("TIFF", "RGB"), ("PPM", "RGB"), ("JPEG2000", "RGB"), ("BMP", "P"), ("BMP", "1"), ("BMP", "L")]
)
def test_formats_that_are_said_to_be_refused_are(form, mode):
    with pytest.raises(tf.errors.InvalidArgumentError):
        picture_squares.squares(tf.constant(encoded(drawn(20, 20, mode), form)), 8, 1)


def test_a_turn_that_the_camera_wrote_is_not_followed():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, plain = (encoded(drawn(60, 40), "JPEG", **options) for options in ({"exif": exif}, {}))

    squares = [picture_squares.squares(tf.constant(each), 32, 1).numpy() for each in (turned, plain)]

    np.testing.assert_array_equal(*squares)
    assert differences(turned, 32).max() > 50
