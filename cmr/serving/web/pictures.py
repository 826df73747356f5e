"""The gallery's pictures as a browser shows them: always by their row, never by a path."""

import io

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from cmr.errors import DataError
from cmr.gallery import thumbnails
from cmr.pictures import files
from cmr.serving.web import rows
from cmr.serving.web.site import site_of

# What browsers show, by Pillow's name; others are sent as JPEG.
_SHOWN = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}

# Larger than any screen.
_SIDE = 3000

# A thumbnail's address names its content.
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


def thumbnail(request: Request) -> Response:
    """`/thumbnails/{row}`: a picture, small."""
    row = request.path_params["row"]
    site = site_of(request)
    with site.live.opened() as gallery:
        rows.check_row(gallery, row)
        try:
            small = thumbnails.thumbnail(gallery, row, site.retriever.max_pixels)
        except DataError as error:
            raise HTTPException(404, f"picture {row} can't be read any more") from error
        is_named = request.query_params.get("v") == version(gallery, row)
    return Response(
        small.jpeg, media_type="image/jpeg", headers=_FOR_EVER if is_named and small.is_as_indexed else None
    )


def version(gallery, row: int) -> str:
    """What an address of a thumbnail ends in, so that a browser may keep it."""
    return gallery.store.content_of_row(row).hex()[:12]


def upload(request: Request) -> Response:
    """`/uploads/{key}`: a picture that was given as a query, small."""
    known = site_of(request).uploads.get(request.path_params["key"])
    if known is None:
        raise HTTPException(404, "the server no longer has this picture")
    return Response(known.thumbnail, media_type="image/jpeg", headers=_FOR_EVER)


def original(request: Request) -> Response:
    """`/pictures/{row}/file`: a picture as it is, or as JPEG where browsers don't show its kind."""
    row = request.path_params["row"]
    site = site_of(request)
    with site.live.opened() as gallery:
        path = rows.file_of(gallery, row)
        name = rows.name_below(gallery)(path).rpartition("/")[2]
    try:
        kind = _SHOWN.get(files.read_header(path).format)
        if kind:
            return FileResponse(path, media_type=kind, filename=name, content_disposition_type="inline")
        picture = files.read_rgb(path, _SIDE, site.retriever.max_pixels)
    except DataError as error:
        raise HTTPException(404, f"picture {row} can't be read any more") from error
    picture.thumbnail((_SIDE, _SIDE))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=92)
    return Response(stream.getvalue(), media_type="image/jpeg")
