"""Encoded pictures to the squares that a CNN takes, inside a TensorFlow graph: `files.read_crops` without Pillow.

The same decoder of JPEG, with the same arithmetic, gives the same pixels. Pillow resizes in one direction and then in
the other, with whole numbers between, and so does this; a value differs now and then by one.
"""

import functools

import numpy as np
import tensorflow as tf
from PIL import Image

from cmr.pictures import files

# What is said to those who send pictures.
READS = "JPEG, PNG, BMP and the first frame of GIF"
READS_NOT = (
    "TIFF, AVIF, HEIC, JPEG 2000, PPM, BMP of a palette and, by older TensorFlow, WebP are refused; a turn that the "
    "camera wrote into EXIF is not followed, and what is transparent in a GIF is black: convert and turn such pictures "
    "before they are sent"
)

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"

# Fractions at which the decoder of JPEG can read.
_RATIOS = (1, 2, 4, 8)


def squares(encoded: tf.Tensor, size: int, crops: int) -> tf.Tensor:
    """Reads one picture.

    Args:
      encoded: a string, the picture's file.
      size: side of a square in pixels.
      crops: 1 or 10, as of `files.read_crops`.

    Returns:
      `[crops, size, size, 3]` uint8 RGB.
    """
    side = files.resized_side(size, crops)
    pixels = tf.cast(_decoded(encoded, side), tf.float32)
    whole = tf.cast(_resized(_reduced(pixels, side), side), tf.uint8)
    return tf.stack(files.cropped(whole, size, crops))


def _decoded(encoded: tf.Tensor, side: int) -> tf.Tensor:
    """`[height, width, 3]` uint8."""
    is_jpeg = tf.strings.substr(encoded, 0, len(_JPEG)) == _JPEG
    is_png = tf.strings.substr(encoded, 0, len(_PNG)) == _PNG
    pixels = tf.cond(
        is_jpeg,
        lambda: _jpeg(encoded, side),
        lambda: tf.cond(is_png, lambda: _over_white(tf.io.decode_png(encoded, 4)), lambda: _other(encoded)),
    )
    return tf.ensure_shape(pixels, [None, None, 3])


def _jpeg(encoded: tf.Tensor, side: int) -> tf.Tensor:
    height, width, _ = tf.unstack(tf.io.extract_jpeg_shape(encoded))
    # A large one is decoded at a fraction of its size, as files.read_rgb does.
    times = tf.where(tf.maximum(height, width) > files.LARGE_SIDE, tf.minimum(height, width) // (2 * side), 1)
    place = tf.reduce_sum(tf.cast(times >= _RATIOS[1:], tf.int32))

    def at(ratio: int):
        return lambda: tf.io.decode_jpeg(encoded, 3, ratio=ratio, dct_method="INTEGER_ACCURATE")

    return tf.switch_case(place, [at(ratio) for ratio in _RATIOS])


def _other(encoded: tf.Tensor) -> tf.Tensor:
    # The decoder takes the numbers of a palette's colours for grey values.
    is_bmp = tf.strings.substr(encoded, 0, 2) == b"BM"
    is_of_palette = is_bmp & tf.reduce_any(tf.strings.substr(encoded, 28, 1) == [b"\x01", b"\x04", b"\x08"])
    tf.debugging.Assert(~is_of_palette, ["a BMP of a palette is not read; convert it before it is sent"])
    return tf.io.decode_image(encoded, 3, expand_animations=False)


def _over_white(rgba: tf.Tensor) -> tf.Tensor:
    values = tf.cast(rgba, tf.int32)
    alpha = values[..., 3:]
    # The decoder fills up pictures of one, two or four bits a pixel with the largest alpha that those bits have.
    alpha = tf.where(tf.reduce_any(tf.reduce_max(alpha) == [1, 3, 15]), 255, alpha)
    # To the nearest whole number.
    return tf.cast((values[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _reduced(pixels: tf.Tensor, side: int) -> tf.Tensor:
    """A huge picture at a fraction of its size: the mean over squares, which at the right and below may be cut off."""
    height, width = tf.unstack(tf.shape(pixels)[:2])
    is_large = tf.maximum(height, width) > files.LARGE_SIDE
    factor = tf.where(is_large, tf.maximum(1, tf.minimum(height, width) // (2 * side)), 1)

    def means() -> tf.Tensor:
        missing = [[0, -height % factor], [0, -width % factor], [0, 0]]
        ones = tf.ones_like(pixels[..., :1])
        sums, counts = (_block_sums(tf.pad(each, missing), factor) for each in (pixels, ones))
        # Halves go up.
        return tf.floor(sums / counts + 0.5)

    return tf.cond(factor > 1, means, lambda: pixels)


def _block_sums(padded: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    rows, columns = tf.unstack(tf.shape(padded)[:2] // factor)
    return tf.reduce_sum(tf.reshape(padded, [rows, factor, columns, factor, padded.shape[2]]), axis=[1, 3])


def _resized(pixels: tf.Tensor, side: int) -> tf.Tensor:
    """`[height, width, 3]` float32 to `[side, side, 3]`, whole numbers of 0 ... 255."""
    height, width = tf.unstack(tf.shape(pixels)[:2])
    between = [height, side]
    if _begins_with_height_of_tall_ones():
        is_tall = (height > side) & (height - side > 2 * (width - side))
        between = tf.where(is_tall, [side, width], between)
    return tf.ensure_shape(_whole(_whole(pixels, between), [side, side]), [side, side, 3])


def _whole(pixels: tf.Tensor, size) -> tf.Tensor:
    return tf.round(tf.clip_by_value(tf.image.resize(pixels, size, "bicubic", antialias=True), 0, 255))


@functools.cache
def _begins_with_height_of_tall_ones() -> bool:
    """Whether this Pillow resizes the height of a tall picture first, as newer ones do to save work."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 16, 3), np.uint8))
    height_first = noise.resize((16, 8), Image.Resampling.BICUBIC).resize((8, 8), Image.Resampling.BICUBIC)
    return noise.resize((8, 8), Image.Resampling.BICUBIC).tobytes() == height_first.tobytes()
