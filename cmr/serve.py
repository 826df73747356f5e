"""Serves the search of an indexed folder of pictures as a web page, and as JSON.

    python -m cmr.serve --pictures=~/Pictures
    curl 'http://127.0.0.1:8080/api/search?q=a+dog+runs&top=5'

Other machines reach it only with --host. Ctrl-C stops it. Needs the extra: pip install 'cmr[web]'.
"""

import contextlib
import ipaddress
import os
import socket
import sys

from absl import flags

from cmr import extras
from cmr.cli import command, search_flags
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError

FLAGS = flags.FLAGS

GROUPS = (search_flags.served_gallery_flags, search_flags.serve_flags, cmr_flags.picture_flags)

# More answers at once are no sooner ready, and each holds memory of its own.
_THREADS_A_CORE = 3

# A program that keeps a connection open without asking anything.
_SECONDS_IDLE = 30


def check_flags() -> None:
    extras.check_installed("cmr.serve needs", "web", "starlette", "uvicorn", "jinja2", "python_multipart")


def main() -> None:
    import anyio.to_thread
    import uvicorn

    from cmr.gallery.searching import Gallery
    from cmr.serving import gallery_model
    from cmr.serving.web import application, protection
    from cmr.serving.web.live_gallery import LiveGallery
    from cmr.serving.web.site import Limits, Site

    gallery = Gallery.open(search_flags.pictures_folder(), FLAGS.gallery_dir or None)
    listening = _bound(FLAGS.host, FLAGS.port)
    with listening:
        site = Site(
            LiveGallery(gallery),
            gallery_model.load(gallery, FLAGS.model, FLAGS.max_pixels),
            Limits(int(FLAGS.max_upload_mb * 2**20), FLAGS.max_upload_pixels),
        )
        site.warm()
        app = application.application(site, protection.server_names(FLAGS.host, FLAGS.server_name))
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_keep_alive=_SECONDS_IDLE,
            timeout_graceful_shutdown=5,
        )

        class Server(uvicorn.Server):
            async def startup(self, sockets=None) -> None:
                anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS_A_CORE * os.cpu_count()
                await super().startup(sockets)
                # Whoever waits for the line can ask at once.
                _tell(listening, gallery)

        # It is meant to end so; whether the interrupt comes out of asyncio is a matter of moments.
        with contextlib.suppress(KeyboardInterrupt):
            Server(config).run(sockets=[listening])
        print("stopped", file=sys.stderr)


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has the port, and on which nobody is answered before the model is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"--host={host} is no address of this machine ({error.strerror}); 127.0.0.1 is") from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"--host={host} --port={port} can't be listened on ({error.strerror}); give another --port"
        ) from error
    return bound


def _tell(listening: socket.socket, gallery) -> None:
    host, port = listening.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if not address.is_loopback:
        print(
            f"warning: --host={FLAGS.host} lets everybody who reaches this machine search and see the pictures; there "
            "is no password",
            file=sys.stderr,
        )
    shown = f"[{host}]" if address.version == 6 else host
    lacks = gallery.says_what_to_run()
    if lacks:
        print(lacks, file=sys.stderr)
    print(f"http://{shown}:{port}  {len(gallery):,} pictures of {gallery.place.pictures}; Ctrl-C stops", flush=True)


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, check_flags)
