"""Pictures of any mode as eight-bit RGB."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from cmr.errors import DataError

ToRgb = Callable[[Image.Image], Image.Image]

# What is handled at once of a picture too large to be converted whole.
_STRIP_PIXELS = 1 << 20

# These say that their whole numbers go from 0 to 65535, which Pillow keeps in 32 bits.
_SIXTEEN_BIT_FORMATS = ("PNG", "PPM")

# Of a picture whose values are all the same, which tell no scale.
_NO_CONTRAST = 127


def rgb_converter(picture: Image.Image) -> ToRgb:
    """How a picture becomes eight-bit RGB as a viewer shows it; whole or a part of it, so that parts fit together.

    Transparency is laid over white. 16 bits without a sign are scaled from 0 ... 65535. Values that have no scale of
    their own (floats, 32 bits, with a sign) are stretched from the picture's smallest to its largest.

    Args:
      picture: decoded, in any mode.

    Returns:
      A function of the picture, or of a crop of it.

    Raises:
      DataError: it holds NaN and infinite values alone.
    """
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in _SIXTEEN_BIT_FORMATS):
        return _stretched(0, 65535, picture.info.get("transparency"))
    if picture.mode in ("I", "F"):
        return _stretched(*_range(picture), None)
    return _over_white if picture.has_transparency_data else lambda part: part.convert("RGB")


def reduced_rgb(picture: Image.Image, to_rgb: ToRgb, factor: int) -> Image.Image:
    """A picture's RGB at a fraction of its size: the mean over squares, made strip by strip.

    Args:
      picture: decoded, in any mode.
      to_rgb: of `rgb_converter`.
      factor: side of a square in pixels.
    """
    small = Image.new("RGB", (-(-picture.width // factor), -(-picture.height // factor)))
    for top, strip in _strips(picture, factor):
        small.paste(to_rgb(strip).reduce(factor), (0, top // factor))
    return small


def _over_white(part: Image.Image) -> Image.Image:
    # Pillow converts La to LA alone.
    layer = (part.convert("LA") if part.mode == "La" else part).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _stretched(low: float, high: float, transparent: object) -> ToRgb:
    """Maps `low` ... `high` to 0 ... 255; Pillow's own conversion clips at 0 and 255."""

    def to_rgb(part: Image.Image) -> Image.Image:
        values = np.asarray(part)
        if high > low:
            scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low).astype(np.float64) - low) * (
                255 / (high - low)
            )
        else:
            scaled = np.full(values.shape, _NO_CONTRAST)
        # The small step makes 255 of what rounding left below it.
        grey = (scaled.clip(0, 255) + 1e-9).astype(np.uint8)
        if isinstance(transparent, int):
            grey[values == transparent] = 255
        return Image.fromarray(grey).convert("RGB")

    return to_rgb


def _range(picture: Image.Image) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for _, strip in _strips(picture, 1):
        values = np.asarray(strip)
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low > high:
        raise DataError("holds no finite value")
    return low, high


def _strips(picture: Image.Image, step: int) -> Iterator[tuple[int, Image.Image]]:
    """The top of each strip and the strip; every height but the last one's is a multiple of `step`."""
    rows = step * max(1, _STRIP_PIXELS // (picture.width * step))
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))
