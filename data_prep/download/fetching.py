"""Fetches one large file over HTTP; goes on where an earlier attempt, or an earlier process, stopped."""

import pathlib
import re

import requests
import tqdm
from requests import adapters
from urllib3.util import retry

from cmr import progress
from cmr.errors import DataError
from cmr.workspace import json_files

# A cut in the middle is answered by asking for the rest; so many answers in a row may bring nothing new.
_FRUITLESS_ANSWERS = 3
_CHUNK = 1 << 16
_TIMEOUT = (15, 60)  # Seconds to connect, and of silence.
_BUSY = (429, 500, 502, 503, 504)


def session(backoff: float = 1.0) -> requests.Session:
    """A session that asks four times more, after pauses, where a server can't be reached or is busy.

    Args:
      backoff: seconds, doubled from pause to pause.
    """
    retries = retry.Retry(
        4,
        status_forcelist=_BUSY,
        backoff_factor=backoff,
        raise_on_status=False,
        # It may name hours; a person would rather be told at once.
        respect_retry_after_header=False,
    )
    http = requests.Session()
    for scheme in ("http://", "https://"):
        http.mount(scheme, adapters.HTTPAdapter(max_retries=retries))
    # Sizes and ranges are of the file as it lies on the server.
    http.headers["Accept-Encoding"] = "identity"
    return http


def partial_path(path: pathlib.Path) -> pathlib.Path:
    """The file that grows while `path` is fetched."""
    return path.with_name(path.name + ".partial")


def discard(path: pathlib.Path) -> None:
    """Removes what has been fetched of `path`."""
    partial_path(path).unlink(missing_ok=True)
    _state_path(path).unlink(missing_ok=True)


def fetch(http: requests.Session, url: str, path: pathlib.Path, size: int) -> pathlib.Path:
    """Fetches `url` into the partial file of `path`, from where an earlier call was stopped.

    Beside the partial file stands `<name>.partial.json`: the address, and the server's ETag and date of the file, by
    which a file that has changed since is noticed and fetched from its start.

    Args:
      http: from `session`.
      url: address of the file.
      path: what the caller will name the file once it is checked.
      size: in bytes.

    Returns:
      The partial file, `size` bytes long; what is in it is for the caller to check.

    Raises:
      DataError: it can't be had there. What has arrived stays for the next call.
    """
    partial = partial_path(path)
    partial.parent.mkdir(parents=True, exist_ok=True)
    if _arrived(partial) > size:
        discard(path)
    farthest = _arrived(partial)
    fruitless, cut = 0, ""
    with progress.progress_bar(size, "B", path.name, initial=farthest, scaled=True) as bar:
        while _arrived(partial) < size:
            if fruitless == _FRUITLESS_ANSWERS:
                raise DataError(
                    f"{url} stopped {fruitless} times at the same place, after {farthest:,} of {size:,} bytes{cut}; "
                    "the same command goes on from there"
                )
            with _ask_for_rest(http, url, path, size) as response:
                cut = _write(response, partial, size, bar)
            arrived = _arrived(partial)
            fruitless = 0 if arrived > farthest else fruitless + 1
            farthest = max(farthest, arrived)
    return partial


def _arrived(partial: pathlib.Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _ask_for_rest(http: requests.Session, url: str, path: pathlib.Path, size: int) -> requests.Response:
    """An answer whose body continues the partial file, which is emptied where it has to start anew."""
    partial = partial_path(path)
    offset = _arrived(partial)
    known = _read_state(path)
    response = _get(http, url, path, _range_headers(offset, known, url) if offset else {})
    if response.status_code == 206 and not _continues(response, offset, known, url):
        response.close()
        response = _get(http, url, path, {})
    if response.status_code == 206:
        _require_size(url, path, size, response.headers["Content-Range"].rsplit("/", 1)[1])
    elif response.status_code == 200:
        _require_size(url, path, size, response.headers.get("Content-Length", "*"))
        # Emptied before the new state is written: a kill between the two may not join halves of different files.
        partial.write_bytes(b"")
        _write_state(path, url, response)
    else:
        status = f"{response.status_code} {response.reason}"
        response.close()
        later = "try again later" if response.status_code in _BUSY else "name a --mirror that has it"
        raise DataError(f"{url} answers {status}; {later}, or {_put_there(path)}")
    return response


def _get(http: requests.Session, url: str, path: pathlib.Path, headers: dict[str, str]) -> requests.Response:
    try:
        return http.get(url, headers=headers, stream=True, timeout=_TIMEOUT)
    except (requests.ConnectionError, requests.Timeout) as error:
        raise DataError(
            f"{url} can't be reached ({_reason(error)}); try again later, name a --mirror, or {_put_there(path)}"
        ) from error
    except requests.RequestException as error:
        raise DataError(f"{url} can't be fetched ({error}); name a --mirror or {_put_there(path)}") from error


def _range_headers(offset: int, known: dict, url: str) -> dict[str, str]:
    headers = {"Range": f"bytes={offset}-"}
    # A mirror's copy has another ETag and date but the same bytes, which the caller's check confirms.
    if known.get("url") == url:
        etag = known.get("etag") or ""
        # If-Range compares strongly: weak ETags (W/"...") never match (RFC 9110, section 13.1.5).
        validator = etag if etag.startswith('"') else known.get("last_modified")
        if validator:
            headers["If-Range"] = validator
    return headers


def _continues(response: requests.Response, offset: int, known: dict, url: str) -> bool:
    """Whether a partial answer starts at `offset` of the very file that was begun; some servers ignore If-Range."""
    start = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if start is None or int(start.group(1)) != offset:
        return False
    etag = response.headers.get("ETag")
    return known.get("url") != url or not etag or not known.get("etag") or etag == known["etag"]


def _require_size(url: str, path: pathlib.Path, size: int, stated: str) -> None:
    if stated.isdigit() and int(stated) != size:
        raise DataError(
            f"{url} has {int(stated):,} bytes where {path.name} has {size:,}: it is another file; name a --mirror that "
            f"has the right one, or {_put_there(path)}"
        )


def _write(response: requests.Response, partial: pathlib.Path, size: int, bar: tqdm.tqdm) -> str:
    """Appends the body to the partial file; returns why it ended early, in brackets, or ""."""
    with open(partial, "ab", buffering=0) as file:
        bar.n = file.tell()
        bar.initial = min(bar.initial, bar.n)
        try:
            for chunk in response.iter_content(_CHUNK):
                # More than was announced can't be this file; the caller's check refuses what is there.
                chunk = chunk[: size - file.tell()]
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() == size:
                    break
        except requests.RequestException as error:
            return f" ({_reason(error)})"
    return ""


def _state_path(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(path.name + ".partial.json")


def _read_state(path: pathlib.Path) -> dict:
    # Without a state that can be read, the download begins again.
    try:
        state = json_files.read_json(_state_path(path), DataError, "fetch it again")
    except DataError:
        return {}
    return state if isinstance(state, dict) else {}


def _write_state(path: pathlib.Path, url: str, response: requests.Response) -> None:
    state = {
        "url": url,
        "etag": response.headers.get("ETag"),
        "last_modified": response.headers.get("Last-Modified"),
    }
    json_files.write_json(_state_path(path), state)


def _put_there(path: pathlib.Path) -> str:
    return f"fetch {path.name} elsewhere and put it at {path}"


def _reason(error: BaseException) -> str:
    """The innermost cause in a few words: requests and urllib3 wrap it several times over."""
    while isinstance(error, Exception):
        inner = error.args[0] if error.args else None
        reason = getattr(error, "reason", None)
        if isinstance(reason, Exception):
            error = reason
        elif isinstance(inner, Exception):
            error = inner
        else:
            break
    # urllib3's own sentences begin with the connection object: "<...>: Failed to establish ...".
    return re.sub(r"^.*object at 0x\w+>: |^HTTPS?Connection\w*\([^)]*\): ", "", str(error)) or type(error).__name__
