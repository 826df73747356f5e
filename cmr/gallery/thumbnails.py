"""Small copies of a gallery's pictures, kept by their content so that a renamed picture keeps its own."""

import contextlib
import dataclasses
import hashlib
import io
import pathlib
from collections.abc import Iterable

from PIL import Image

from cmr.config import MAX_PIXELS
from cmr.errors import DataError
from cmr.gallery.place import Place
from cmr.gallery.searching import Gallery
from cmr.pictures import files, fitting
from cmr.workspace import atomic_files

# Sharp at 240 pixels of height on a screen of two pixels each.
SIZE = (960, 480)
_QUALITY = 85

# A JPEG file's first two bytes and its last two.
_BEGIN, _END = b"\xff\xd8", b"\xff\xd9"


@dataclasses.dataclass(frozen=True)
class Thumbnail:
    """A small copy of a picture.

    Attributes:
      jpeg: the file, of at most `SIZE`.
      is_as_indexed: whether it shows the content that the row embeds; a file may have become another picture since.
    """

    jpeg: bytes
    is_as_indexed: bool


def thumbnail(gallery: Gallery, row: int, max_pixels: int = MAX_PIXELS) -> Thumbnail:
    """A picture of the gallery, small and upright.

    Args:
      gallery: the gallery.
      row: of the picture.
      max_pixels: as in `pictures.files.read_rgb`, as it was indexed.

    Returns:
      The copy. One that shows the indexed content is kept in the gallery's folder, where that can be written.

    Raises:
      DataError: the picture can't be read any more.
    """
    sha256 = gallery.store.content_of_row(row)
    path = _path(gallery.place, sha256)
    with contextlib.suppress(OSError):
        kept = path.read_bytes()
        # One that lost its end, as on a disk that failed, is made anew.
        if kept.startswith(_BEGIN) and kept.endswith(_END):
            return Thumbnail(kept, is_as_indexed=True)
    picture, is_as_indexed = _first_readable(gallery.files_of_row(row), sha256, max_pixels)
    made = Thumbnail(small_jpeg(picture), is_as_indexed)
    if is_as_indexed:
        with contextlib.suppress(OSError), atomic_files.atomic_path(path) as temporary:
            temporary.write_bytes(made.jpeg)
    return made


def remove(place: Place, contents: Iterable[bytes]) -> None:
    """Removes the thumbnails of contents, by their SHA-256, where that is allowed."""
    for sha256 in contents:
        with contextlib.suppress(OSError):
            _path(place, sha256).unlink()


def _path(place: Place, sha256: bytes) -> pathlib.Path:
    return place.thumbnails / f"{sha256.hex()}.jpg"


def _first_readable(paths: list[pathlib.Path], sha256: bytes, max_pixels: int) -> tuple[Image.Image, bool]:
    """The first picture that can be read, and whether it is the content of this SHA-256."""
    failure = DataError("the picture is no longer in the gallery")
    for path in paths:
        try:
            content = path.read_bytes()
            picture = files.read_rgb(content, SIZE[0], max_pixels, str(path))
            return picture, hashlib.sha256(content).digest() == sha256
        except OSError as error:
            failure = DataError(f"{path} can't be read ({error.strerror})")
        except DataError as error:
            failure = error
    raise failure


def small_jpeg(picture: Image.Image) -> bytes:
    """A picture as a JPEG file of at most `SIZE`."""
    stream = io.BytesIO()
    # Small ones stay as they are.
    if picture.width > SIZE[0] or picture.height > SIZE[1]:
        picture = fitting.fitted(picture, SIZE)
    picture.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
