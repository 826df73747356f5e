"""Pictures that are given as queries: read within bounds, embedded, and remembered for the address that names them."""

import collections
import dataclasses
import hashlib
import threading
from collections.abc import Sequence

import numpy as np
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from cmr.gallery import thumbnails
from cmr.pictures import files
from cmr.trained.retriever import Retriever

# Of one request: each is decoded and goes through the model.
_MAX_AT_ONCE = 8

# Of each the embedding and a small copy are kept, some 50 KB.
_REMEMBERED = 200

_MAX_FIELDS = 100
_MAX_FIELD_BYTES = 64 << 10


@dataclasses.dataclass(frozen=True)
class Upload:
    """A picture that was given.

    Attributes:
      sha256: of its content.
      embedding: `[dim]` float32, norm 1.
      thumbnail: a small JPEG file of it.
    """

    sha256: bytes
    embedding: np.ndarray
    thumbnail: bytes

    @property
    def key(self) -> str:
        """Names it in an address; only who has the picture can know it."""
        return self.sha256.hex()[:32]


class Uploads:
    """The pictures that were given last.

    Args:
      retriever: the model.
      max_pixels: of a picture.
    """

    def __init__(self, retriever: Retriever, max_pixels: int):
        self._retriever, self._max_pixels = retriever, max_pixels
        self._kept: collections.OrderedDict[str, Upload] = collections.OrderedDict()
        self._lock = threading.Lock()

    def take(self, content: bytes) -> Upload:
        """Embeds a picture.

        Raises:
          DataError: it can't be read.
          HTTPException: it is too large.
        """
        sha256 = hashlib.sha256(content).digest()
        known = self.get(sha256.hex()[:32])
        if known:
            return known
        header = files.read_header(content)
        if header.width * header.height > self._max_pixels:
            raise HTTPException(
                413,
                f"the picture has {header.width:,} x {header.height:,} pixels, and this server takes "
                f"{self._max_pixels:,} at most; reduce it",
            )
        (embedding,) = self._retriever.embed_pictures([content])
        small = thumbnails.small_jpeg(files.read_rgb(content, thumbnails.SIZE[0]))
        upload = Upload(sha256, embedding, small)
        with self._lock:
            self._kept[upload.key] = upload
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return upload

    def take_all(self, contents: Sequence[bytes]) -> list[Upload]:
        """Embeds the pictures of one request, which together may have as many pixels as one alone.

        Raises:
          DataError: one can't be read.
          HTTPException: they are too many or too large.
        """
        headers = [files.read_header(content) for content in contents[: _MAX_AT_ONCE + 1]]
        pixels = sum(header.width * header.height for header in headers)
        if len(headers) > _MAX_AT_ONCE or pixels > self._max_pixels:
            raise HTTPException(
                413,
                f"this server takes {_MAX_AT_ONCE} pictures at once at most, of {self._max_pixels:,} pixels together; "
                "send fewer, or reduce them",
            )
        return [self.take(content) for content in contents]

    def get(self, key: str) -> Upload | None:
        """A picture that is still remembered."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)


async def read_form(request: Request, max_files: int) -> FormData:
    """Reads a form; how large it may be is bounded before (see `protection.BoundedBody`).

    Raises:
      HTTPException: it is no form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise HTTPException(415, "send a form: curl -F picture=@dog.jpg sends a picture, curl -d 'q=a dog' words")
    return await request.form(max_files=max_files, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES)


async def pictures_of(form: FormData) -> list[bytes]:
    """The pictures of a form; a field where none was chosen is none."""
    given = [each for each in form.getlist("picture") if isinstance(each, UploadFile)]
    contents = [await each.read() for each in given]
    return [content for content, each in zip(contents, given, strict=True) if content or each.filename]
