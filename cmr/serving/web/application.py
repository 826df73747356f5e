"""The web application: which address is answered by what.

uvicorn.run(application.application(Site(LiveGallery(gallery), retriever, Limits()), names={"localhost"}))
"""

import pathlib
from collections.abc import Collection

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cmr.errors import CmrError, WorkspaceError
from cmr.serving.web import api, pages, pictures
from cmr.serving.web.protection import BoundedBody, Guard
from cmr.serving.web.site import Site


class _Row(Convertor[int]):
    """A row's number in an address: more digits than any has are none, nor any that Python would refuse to read."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("row", _Row())

_ROUTES = (
    Route("/", pages.search),
    Route("/", pages.search_by_picture, methods=["POST"]),
    Route("/pictures/{row:row}", pages.picture),
    Route("/pictures/{row:row}/file", pictures.original),
    Route("/thumbnails/{row:row}", pictures.thumbnail),
    Route("/uploads/{key}", pictures.upload),
    Route("/model", pages.model),
    Route("/aspects.css", pages.aspects_css),
    Route("/api/search", api.search),
    Route("/api/search", api.search_by_picture, methods=["POST"]),
    Route("/api/similar/{row:row}", api.similar),
    Route("/api/sentences/{row:row}", api.sentences),
    Route("/api/embed", api.embed),
    Route("/api/embed", api.embed_pictures, methods=["POST"]),
    Route("/api/status", api.status),
    Mount("/static", StaticFiles(directory=pathlib.Path(__file__).parent / "static")),
)

# In the place of Starlette's two words.
_SENTENCES = {
    404: "there is nothing at this address",
    405: "this address is not asked in this way",
}


def application(site: Site, names: Collection[str]) -> Starlette:
    """The application.

    Args:
      site: the gallery and its model.
      names: that the server answers to beside addresses in digits, in lower case.
    """
    app = Starlette(
        routes=_ROUTES,
        middleware=[
            Middleware(Guard, names=names),
            Middleware(BoundedBody, max_bytes=site.limits.upload_bytes),
        ],
        exception_handlers={HTTPException: _refused, CmrError: _impossible, Exception: _broken},
    )
    app.state.site = site
    return app


def _refused(request: Request, error: HTTPException) -> Response:
    is_starlettes = error.detail in ("Not Found", "Method Not Allowed")
    return _says(request, _SENTENCES[error.status_code] if is_starlettes else error.detail, error.status_code)


def _impossible(request: Request, error: CmrError) -> Response:
    return _says(request, " ".join(str(error).split()), 503 if isinstance(error, WorkspaceError) else 400)


def _broken(request: Request, error: Exception) -> Response:
    return _says(request, "something went wrong in the server; what it printed says more", 500)


def _says(request: Request, sentence: str, code: int) -> Response:
    return api.error(sentence, code) if api.is_asked(request.url.path) else pages.failed(request, sentence, code)
