"""Crops of pictures that a CNN is trained on: the whole picture, and parts of it, half of them mirrored."""

import dataclasses
import pathlib

import numpy as np
from PIL import Image

from cmr.config import MAX_PIXELS
from cmr.pictures import files

# Of a side of the picture, so that at least 56 % of it are seen and its sentences stay true.
_SMALLEST_SIDE = 0.75

# Numbers of crops are below this.
ANY_CROP = 2**31


@dataclasses.dataclass(frozen=True)
class Crop:
    """A part of a picture, in shares of its width and height.

    Attributes:
      left: of its left edge.
      top: of its upper edge.
      side: its share of both sides.
      mirrored: whether left and right change places.
    """

    left: float
    top: float
    side: float
    mirrored: bool


WHOLE = Crop(0.0, 0.0, 1.0, False)


def crop_of(image_id: str, number: int) -> Crop:
    """The crop of an image with a number: always the same, so that what a CNN makes of it can be kept.

    Args:
      image_id: of the image.
      number: 0 is the whole picture, as features are extracted from it; every other is drawn from both.
    """
    if number == 0:
        return WHOLE
    random = np.random.default_rng([number, *image_id.encode("utf-8")])
    side = float(random.uniform(_SMALLEST_SIDE, 1.0))
    left, top = random.uniform(0.0, 1.0 - side, 2).tolist()
    return Crop(left, top, side, bool(random.integers(2)))


def read_crop(path: pathlib.Path, crop: Crop, size: int, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads a crop of a picture as a square: `[size, size, 3]` uint8 RGB.

    Args:
      path: of the picture.
      crop: of it.
      size: of the square's side in pixels.
      max_pixels: as in `files.read_rgb`.

    Raises:
      DataError: the picture can't be read.
    """
    picture = files.read_rgb(path, round(size / crop.side), max_pixels)
    width, height = picture.size
    left, top = crop.left * width, crop.top * height
    # The sum may be a rounding error beyond the edge, which Pillow refuses.
    box = left, top, min(left + crop.side * width, width), min(top + crop.side * height, height)
    square = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box=box))
    return square[:, ::-1] if crop.mirrored else square
