"""A web server on the loopback address whose answers a test scripts: cuts, lies, errors, redirects."""

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator

# Writes one answer to a GET for the bytes `data`.
Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes], None]


class Server:
    """One file's address.

    Attributes:
      url: address of the folder that holds the file under any name.
      requests: headers of every request so far.
      answers: one for each request; the last serves all further ones.
      data: the file.
    """

    def __init__(self, data: bytes, answers: list[Answer]) -> None:
        self.data, self.answers, self.requests = data, answers, []

    @property
    def ranges(self) -> list[str | None]:
        return [headers["Range"] for headers in self.requests]


@contextlib.contextmanager
def serving(data: bytes, *answers: Answer) -> Iterator[Server]:
    """Serves `data` while the block runs."""
    server = Server(data, list(answers))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = len(server.requests)
            server.requests.append(self.headers)
            with contextlib.suppress(ConnectionError):
                server.answers[min(number, len(server.answers) - 1)](self, server.data)

        def log_message(self, *_: object) -> None:
            pass

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


def send(handler: http.server.BaseHTTPRequestHandler, status: int, headers: dict[str, object], body: bytes) -> None:
    """An answer of exactly these headers and bytes, then the connection is closed."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, str(value))
    handler.end_headers()
    handler.wfile.write(body)


def honest(etag: str = '"v1"', stop_after: int | None = None) -> Answer:
    """Serves ranges as RFC 9110 says, If-Range included; cuts the connection after `stop_after` bytes of the body."""

    def answer(handler: http.server.BaseHTTPRequestHandler, data: bytes) -> None:
        asked, condition = handler.headers["Range"], handler.headers["If-Range"]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and condition in (None, etag) else 0
        headers = {"Content-Length": len(data) - start, "ETag": etag}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        send(handler, 206 if start else 200, headers, data[start:][:stop_after])

    return answer


def ignoring_ranges(stop_after: int | None = None) -> Answer:
    return lambda handler, data: send(handler, 200, {"Content-Length": len(data)}, data[:stop_after])


def status(code: int) -> Answer:
    return lambda handler, data: send(handler, code, {"Content-Length": 0}, b"")


def redirect(url: str) -> Answer:
    return lambda handler, data: send(handler, 302, {"Location": url, "Content-Length": 0}, b"")


def bare(status_code: int, headers: dict[str, object], body: bytes) -> Answer:
    return lambda handler, data: send(handler, status_code, headers, body)
