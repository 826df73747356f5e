"""Reads picture files of any kind as the arrays that a CNN takes."""

import contextlib
import io
import os
import pathlib

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cmr.errors import DataError

# HEIC, where the package pillow-heif is there (the extra `heic`).
with contextlib.suppress(ImportError):
    import pillow_heif

    pillow_heif.register_heif_opener()

# Pillow warns above this and refuses above its double; its own limit is a third of it, below a large panorama.
Image.MAX_IMAGE_PIXELS = 250_000_000

# A JPEG with a longer side is decoded at a fraction of its size: 100 megapixels would take 300 MB a reader.
_LARGE_SIDE = 4096

# A ten-crop picture is larger than its crops by this, as 256 is to 224 (Krizhevsky et al., 2012).
_TEN_CROP_SCALE = 256 / 224

GREY = 127

# A file by its path, the bytes of one, or a picture that is decoded already.
Picture = str | os.PathLike | bytes | Image.Image


def read_crops(picture: Picture, size: int, crops: int) -> np.ndarray:
    """Reads a picture as one or ten squares.

    Args:
      picture: in any format and mode that Pillow reads.
      size: side of a square in pixels.
      crops: 1 takes the whole picture, its aspect not kept; 10 takes the corners and the centre, and their mirror
        images.

    Returns:
      `[crops, size, size, 3]` uint8 RGB.

    Raises:
      DataError: the file can't be read as a picture.
    """
    side = size if crops == 1 else round(size * _TEN_CROP_SCALE)
    whole = np.asarray(read_rgb(picture, side).resize((side, side), Image.Resampling.BICUBIC))
    if crops == 1:
        return whole[None]
    far, middle = side - size, (side - size) // 2
    corners = ((0, 0), (0, far), (far, 0), (far, far), (middle, middle))
    plain = [whole[top : top + size, left : left + size] for top, left in corners]
    return np.stack([*plain, *(crop[:, ::-1] for crop in plain)])


def read_rgb(picture: Picture, side: int) -> Image.Image:
    """Reads a picture upright, as a viewer shows it.

    Args:
      picture: in any format and mode that Pillow reads.
      side: that the caller will reduce it to; a huge photograph is decoded at no more than some times that.

    Returns:
      An RGB picture of its own aspect.

    Raises:
      DataError: the file can't be read as a picture.
    """
    name = picture if isinstance(picture, str | os.PathLike) else "the picture"
    try:
        with _opened(picture) as opened:
            if max(opened.size) > _LARGE_SIDE:
                opened.draft("RGB", (2 * side, 2 * side))
            return _rgb(ImageOps.exif_transpose(opened))
    except FileNotFoundError as error:
        raise DataError(f"{name} does not exist; restore it, or prepare the data set again") from error
    except UnidentifiedImageError as error:
        reason = "is empty" if _is_empty(picture) else "is not a picture that Pillow reads"
        raise DataError(f"{name} {reason}") from error
    # Pillow's decoders raise all of these for damaged files.
    except (OSError, ValueError, SyntaxError, IndexError, Image.DecompressionBombError) as error:
        raise DataError(f"{name} can't be decoded ({error})") from error


def _opened(picture: Picture) -> contextlib.AbstractContextManager[Image.Image]:
    if isinstance(picture, Image.Image):
        # It stays open: it is the caller's.
        return contextlib.nullcontext(picture)
    return Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture)


def _is_empty(picture: str | os.PathLike | bytes) -> bool:
    return not (picture if isinstance(picture, bytes) else pathlib.Path(picture).stat().st_size)


def _rgb(picture: Image.Image) -> Image.Image:
    """Eight-bit RGB as a viewer shows it: 16 bits scaled down, transparency over white."""
    if picture.mode.startswith("I"):
        # Pillow's own conversion clips 16-bit values at 255, which leaves a white picture.
        return Image.fromarray((np.asarray(picture).clip(0, 65535) / 257).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")
