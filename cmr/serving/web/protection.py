"""What stands before the application: who may ask, how much may be sent, what a browser may do with the answers."""

import ipaddress
import re
from collections.abc import Collection, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cmr.serving.web import api

_HEADERS = {
    # Nothing from elsewhere, no script or style within the page, and no page around it.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # But for what names its content in its address, and says so itself.
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "same-origin",
    # Another site may not show a picture of the gallery that it guesses the row of.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

# The rest of a body that is too large is read and dropped up to here: a browser shows no answer before it has sent all.
_DROPPED_BYTES = 256 << 20


class Guard:
    """Refuses requests by a name that is not the server's, and those that another site's page sends.

    A page elsewhere can have its own name point to 127.0.0.1 (DNS rebinding); the browser then lets it read what this
    server answers. The Host header tells.

    Args:
      app: what is guarded.
      names: the server's, in lower case, beside addresses in digits.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]):
        self._app, self._names = app, frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        answering = _refused(scope["path"], refusal) if refusal else self._app
        await answering(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> str:
        host = headers.get("host", "")
        if not is_name_of(host, self._names):
            return "this server is not called so; ask it by its address, or start it with --server_name for this name"
        origin = headers.get("origin")
        if method not in ("GET", "HEAD") and origin is not None and origin.partition("://")[2].lower() != host.lower():
            return "a page of another site may not send this"
        return ""


def _refused(path: str, sentence: str) -> Response:
    # A page of the site would show a stranger what is in it.
    return api.error(sentence, 403) if api.is_asked(path) else PlainTextResponse(f"{sentence}\n", 403)


def is_name_of(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names the server: by an address in digits, as no other site can, or by one of its names."""
    parts = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:\d{1,5})?", host)
    if not parts:
        return False
    name = parts[1].lower().strip("[]")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True


class BoundedBody:
    """Refuses bodies that are too large, however they are announced.

    Args:
      app: what reads them.
      max_bytes: of a body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int):
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        count = 0

        async def bounded_receive() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self._max_bytes:
                while message.get("more_body") and count < _DROPPED_BYTES:
                    message = await receive()
                    count += len(message.get("body", b""))
                raise HTTPException(413, f"that is more than the {size(self._max_bytes)} that this server takes")
            return message

        await self._app(scope, bounded_receive, send)


def size(count: int) -> str:
    """A number of bytes as people say it."""
    return f"{count / 2**20:g} MB" if count >= 2**20 else f"{count:,} bytes"


def server_names(host: str, names: Iterable[str]) -> set[str]:
    """The names that a server answers to.

    Args:
      host: that it listens on.
      names: that the user gave.
    """
    return {"localhost", host.lower(), *(name.lower() for name in names)}
