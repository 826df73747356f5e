"""Small copies of a gallery's pictures, kept by their content so that a renamed picture keeps its own."""

import contextlib
import hashlib
import io
import pathlib

from PIL import Image, ImageOps

from cmr.errors import DataError
from cmr.gallery.searching import Gallery
from cmr.pictures import files
from cmr.workspace import atomic_files

# Sharp at 240 pixels of height on a screen of two pixels each.
SIZE = (960, 480)
_QUALITY = 85


def thumbnail(gallery: Gallery, row: int) -> bytes:
    """A picture of the gallery, small and upright.

    Args:
      gallery: the gallery.
      row: of the picture.

    Returns:
      A JPEG file of at most `SIZE`; it is kept in the gallery's folder where that can be written. Where the file has
      become another picture since it was indexed, that one, which is not kept.

    Raises:
      DataError: the picture can't be read any more.
    """
    sha256 = gallery.store.content_of_row(row)
    kept = kept_thumbnail(gallery, row)
    with contextlib.suppress(OSError):
        return kept.read_bytes()
    picture, is_as_indexed = _first_readable(gallery.files_of_row(row), sha256)
    content = small_jpeg(picture)
    if is_as_indexed:
        with contextlib.suppress(OSError), atomic_files.atomic_path(kept) as temporary:
            temporary.write_bytes(content)
    return content


def kept_thumbnail(gallery: Gallery, row: int) -> pathlib.Path:
    """Where the thumbnail of a row's content is kept, once it is."""
    return gallery.place.thumbnails / f"{gallery.store.content_of_row(row).hex()}.jpg"


def _first_readable(paths: list[pathlib.Path], sha256: bytes) -> tuple[Image.Image, bool]:
    """The first picture that can be read, and whether it is the content of this SHA-256."""
    failure = DataError("the picture is no longer in the gallery")
    for path in paths:
        try:
            content = path.read_bytes()
            return files.read_rgb(content, SIZE[0], name=str(path)), hashlib.sha256(content).digest() == sha256
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
        picture = ImageOps.contain(picture, SIZE)
    picture.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
