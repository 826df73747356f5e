"""A site of coloured pictures: asked within the process, or through a port as a browser does."""

import contextlib
import pathlib
import socket
import threading
from collections.abc import Iterator

import colour_words
import uvicorn
from colour_words import ColourWords
from starlette.testclient import TestClient

from cmr.serving.web import application
from cmr.serving.web.live_gallery import LiveGallery
from cmr.serving.web.site import Limits, Site

UPLOAD_BYTES, UPLOAD_PIXELS = 200_000, 100_000


def site_of(folder: pathlib.Path, retriever: ColourWords | None = None) -> Site:
    """Indexes a folder and makes its site."""
    retriever = retriever or ColourWords()
    gallery = colour_words.index(folder, retriever)
    return Site(LiveGallery(gallery), retriever, Limits(UPLOAD_BYTES, UPLOAD_PIXELS))


def client_of(site: Site) -> TestClient:
    """Asks the site; a redirection is seen and not followed."""
    app = application.application(site, {"localhost", "photos.example.org"})
    return TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False)


@contextlib.contextmanager
def serving(site: Site) -> Iterator[str]:
    """Serves the site on a free port while the block runs; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(application.application(site, {"localhost"}), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
