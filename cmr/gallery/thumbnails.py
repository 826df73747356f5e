"""Small copies of a gallery's pictures, kept by their content so that a renamed picture keeps its own."""

import contextlib
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
      A JPEG file of at most `SIZE`; it is kept in the gallery's folder where that can be written.

    Raises:
      DataError: the picture can't be read any more.
    """
    path = gallery.place.thumbnails / f"{gallery.store.content_of_row(row).hex()}.jpg"
    with contextlib.suppress(OSError):
        return path.read_bytes()
    content = small_jpeg(_first_readable(gallery.files_of_row(row)))
    with contextlib.suppress(OSError), atomic_files.atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return content


def _first_readable(paths: list[pathlib.Path]) -> Image.Image:
    failure = DataError("the picture is no longer in the gallery")
    for path in paths:
        try:
            return files.read_rgb(path, SIZE[0])
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
