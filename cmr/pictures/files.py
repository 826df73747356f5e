"""Reads pictures of any kind as the arrays that a CNN takes: from files, bytes and file objects."""

import contextlib
import dataclasses
import functools
import io
import os
import pathlib
import threading
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from cmr.config import MAX_PIXELS
from cmr.errors import DataError
from cmr.pictures import colours
from cmr.pictures.budget import PixelBudget

# HEIC, where the package pillow-heif is there (the extra `heic`).
with contextlib.suppress(ImportError):
    import pillow_heif

    pillow_heif.register_heif_opener()

# A file's path, its bytes, a file object that is open for reading bytes, or a picture that is decoded already.
Source = str | os.PathLike[str] | bytes | BinaryIO | Image.Image

# An array of NumPy, or of a library that cuts arrays as NumPy does.
Pixels = Any

# Pillow knows others too, some of which are programs (EPS starts Ghostscript) or no photographs. JPEG has MPO in it,
# PPM its siblings. Those that this Pillow was built without are left out.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "HEIF")

# Of damage beside the pixels, which leaves the picture as good as it was; they don't say whose it is.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Ours speaks before a pixel is decoded, and names its flag.
Image.MAX_IMAGE_PIXELS = None

# glibc gives blocks above 32 MB back to the system at once, and keeps smaller ones for the thread that had them: with
# Pillow's 16 MB a few readers in turn would come to hold several times the limit.
Image.core.set_block_size(64 << 20)

# A picture with a longer side is brought to a fraction of its size before anything else is done to it.
LARGE_SIDE = 4096

# A ten-crop picture is larger than its crops by this, as 256 is to 224 (Krizhevsky et al., 2012).
_TEN_CROP_SCALE = 256 / 224

# By it one knows the reason of a picture that was refused for its size alone.
_OVER_LIMIT = "pixels, more than --max_pixels="
# Likewise for its format; those that were read then follow.
_OTHER_FORMAT = "is not a picture of a format that is read ("

# What a HEIC file has behind its first four bytes, by the brands in use.
_HEIC = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"))

GREY = 127

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_BUDGET = PixelBudget()
_LOADING = threading.Lock()


@dataclasses.dataclass(frozen=True)
class PictureHeader:
    """What a picture's file says of it.

    Attributes:
      format: Pillow's name of it, such as JPEG.
      width: in pixels, as a viewer shows it.
      height: likewise.
    """

    format: str
    width: int
    height: int


def read_crops(source: Source, size: int, crops: int, max_pixels: int = MAX_PIXELS, name: str = "") -> np.ndarray:
    """Reads a picture as one or ten squares.

    Args:
      source: as in `read_rgb`.
      size: side of a square in pixels.
      crops: 1 takes the whole picture, its aspect not kept; 10 takes the corners and the centre, and their mirror
        images.
      max_pixels: as in `read_rgb`.
      name: as in `read_rgb`.

    Returns:
      `[crops, size, size, 3]` uint8 RGB.

    Raises:
      DataError: it can't be read as a picture.
    """
    side = resized_side(size, crops)
    whole = np.asarray(read_rgb(source, side, max_pixels, name).resize((side, side), Image.Resampling.BICUBIC))
    return np.stack(cropped(whole, size, crops))


def resized_side(size: int, crops: int) -> int:
    """Side in pixels of the whole picture that crops are cut out of."""
    return size if crops == 1 else round(size * _TEN_CROP_SCALE)


def cropped(whole: Pixels, size: int, crops: int) -> list[Pixels]:
    """Cuts squares out of a picture: see `read_crops`.

    Args:
      whole: `[side, side, 3]`, a NumPy array or a tensor; `side` is `resized_side`.
      size: side of a square in pixels.
      crops: 1 or 10.
    """
    if crops == 1:
        return [whole]
    far = whole.shape[0] - size
    corners = ((0, 0), (0, far), (far, 0), (far, far), (far // 2, far // 2))
    plain = [whole[top : top + size, left : left + size] for top, left in corners]
    return [*plain, *(crop[:, ::-1] for crop in plain)]


def read_rgb(source: Source, side: int, max_pixels: int = MAX_PIXELS, name: str = "") -> Image.Image:
    """Reads a picture upright, as a viewer shows it; of an animation the first frame.

    Args:
      source: in one of the formats JPEG, PNG, GIF, BMP, TIFF, WebP, PPM, JPEG 2000 and AVIF, or HEIC with the extra
        `heic`.
      side: that the caller will reduce it to; a huge picture is returned at no more than some times that.
      max_pixels: a picture of more is refused before it is decoded. All readers of a process together hold no more: a
        reader waits until the others leave it room. Most pictures take 4 bytes a pixel; the decoders of WebP, AVIF
        and JPEG 2000 take up to 16.
      name: of the picture in messages; by default its path.

    Returns:
      An RGB picture of its own aspect.

    Raises:
      DataError: it can't be read as a picture.
    """
    with _named_errors(source, name), _opened(source) as opened:
        width, height = opened.size
        if not width * height:
            raise DataError(f"has {width} x {height} pixels, which is no picture; leave it out")
        if width * height > max_pixels:
            raise DataError(
                f"has {width:,} x {height:,} {_OVER_LIMIT}{max_pixels}; reduce the picture, or give a larger "
                "--max_pixels where the memory allows it"
            )
        with _BUDGET.hold(width * height, max_pixels):
            return _upright_rgb(opened, side, is_callers=opened is source)


def may_be_read_now(reason: str, max_pixels: int) -> bool:
    """Whether a picture was refused for its size under another limit than this one, or by a reader of other formats."""
    was_over_another_limit = _OVER_LIMIT in reason and f"{_OVER_LIMIT}{max_pixels};" not in reason
    return was_over_another_limit or (_OTHER_FORMAT in reason and f"{_OTHER_FORMAT}{_listed()})" not in reason)


def read_header(source: Source, name: str = "") -> PictureHeader:
    """Reads a picture's format and size, and not its pixels.

    Args:
      source: as in `read_rgb`.
      name: as in `read_rgb`.

    Raises:
      DataError: it is no picture.
    """
    with _named_errors(source, name), _opened(source) as opened:
        width, height = opened.size
        # The turns by a quarter.
        if _orientation(opened) >= 5:
            width, height = height, width
        return PictureHeader(opened.format or "", width, height)


@contextlib.contextmanager
def _named_errors(source: Source, name: str) -> Iterator[None]:
    """Whatever a decoder raises is a sentence about this picture."""
    name = name or _name(source)
    try:
        yield
    except DataError as error:
        raise DataError(f"{name} {error}") from error
    except FileNotFoundError as error:
        raise DataError(f"{name} does not exist; restore it, or prepare the data set again") from error
    except UnidentifiedImageError as error:
        reason = "is empty" if _is_empty(source) else f"{_OTHER_FORMAT}{_listed()}){_further_reader(source)}"
        raise DataError(f"{name} {reason}") from error
    # A decoder may raise anything for a damaged file, and whatever it is, it is about this picture alone.
    except Exception as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
        raise DataError(f"{name} can't be decoded ({reason})") from error


def _opened(source: Source) -> contextlib.AbstractContextManager[Image.Image]:
    if isinstance(source, Image.Image):
        # It stays open: it is the caller's.
        return contextlib.nullcontext(source)
    return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_formats())


def _upright_rgb(opened: Image.Image, side: int, is_callers: bool) -> Image.Image:
    if is_callers:
        # It stays as it is, and may come from several threads at once.
        with _LOADING:
            opened.load()
    else:
        if max(opened.size) > LARGE_SIDE:
            # A JPEG is decoded at an eighth, a quarter or half of its size; others have no such thing.
            opened.draft("RGB", (2 * side, 2 * side))
        opened.load()
    turn = _TURNS.get(_orientation(opened))
    to_rgb = colours.rgb_converter(opened)
    factor = min(opened.size) // (2 * side) if max(opened.size) > LARGE_SIDE else 1
    picture = colours.reduced_rgb(opened, to_rgb, factor) if factor > 1 else to_rgb(opened)
    return picture if turn is None else picture.transpose(turn)


def _orientation(opened: Image.Image) -> int:
    """What EXIF says of the camera's turn; 1, which is upright, where the block is damaged: the pixels are good."""
    try:
        exif = opened.getexif()
        orientation = int(exif.get(_ORIENTATION, 1))
        if orientation != 1:
            # Written again, the whole block is checked: damage anywhere in it may have hit the turn too.
            exif.tobytes()
    except Exception:
        return 1
    return orientation


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _listed() -> str:
    *others, last = _formats()
    return f"{', '.join(others)} or {last}"


def _further_reader(source: Source) -> str:
    """What would read a phone's picture that nothing here reads."""
    if "HEIF" in _formats() or _beginning(source)[4:12] not in _HEIC:
        return ""
    return "; it is HEIC, which needs the extra: pip install 'cmr[heic]'"


def _beginning(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source[:12]
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            return file.read(12)
    return b""


def _name(source: Source) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "name", "")) or "the picture"


def _is_empty(source: Source) -> bool:
    if isinstance(source, bytes):
        return not source
    return isinstance(source, str | os.PathLike) and not pathlib.Path(source).stat().st_size
