"""Fetching over HTTP from a server that cuts, lies and changes its mind."""

import contextlib
import json
import pathlib
import random
import socket

import loopback
import pytest

from cmr.errors import DataError
from data_prep.download import fetching

SIZE = 400_000
DATA = random.Random(1).randbytes(SIZE)
OTHER = random.Random(2).randbytes(SIZE)
HALF = 200_000


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "data" / "pictures.zip"


def _fetch(url: str, path: pathlib.Path, size: int = SIZE) -> bytes:
    with fetching.session(backoff=0) as http:
        return fetching.fetch(http, url, path, size).read_bytes()


def _refusal(url: str, path: pathlib.Path) -> str:
    with pytest.raises(DataError) as refused:
        _fetch(url, path)
    return str(refused.value)


def _partial(path: pathlib.Path) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        return fetching.partial_path(path).read_bytes()
    return b""


def _stopped(path: pathlib.Path, url: str, data: bytes, etag: str | None = '"v1"') -> None:
    """The state that an earlier, stopped command left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fetching.partial_path(path).write_bytes(data)
    state = {"url": url, "etag": etag, "last_modified": None}
    path.with_name(path.name + ".partial.json").write_text(json.dumps(state))


def test_a_file_arrives_whole(path):
    with loopback.serving(DATA, loopback.honest()) as server:
        assert _fetch(server.url, path) == DATA


def test_only_the_missing_bytes_are_asked_for_after_a_cut(path):
    with loopback.serving(DATA, loopback.honest(stop_after=HALF), loopback.honest()) as server:
        assert _fetch(server.url, path) == DATA
    first, second = server.ranges
    assert first is None
    # What the client had not yet taken from the connection, less than a chunk, is asked for again.
    assert HALF - 65536 < int(second.removeprefix("bytes=").removesuffix("-")) <= HALF


def test_many_cuts_are_survived_as_long_as_each_answer_brings_something(path):
    with loopback.serving(DATA, loopback.honest(stop_after=70_000)) as server:
        assert _fetch(server.url, path) == DATA
    assert len(server.requests) >= 5


def test_a_later_command_goes_on_from_the_partial_file(path):
    with loopback.serving(DATA, loopback.honest()) as server:
        _stopped(path, server.url, DATA[:HALF])
        assert _fetch(server.url, path) == DATA
    assert server.ranges == [f"bytes={HALF}-"]


def test_a_partial_file_that_is_already_whole_costs_no_request(path):
    with loopback.serving(DATA, loopback.status(500)) as server:
        _stopped(path, server.url, DATA)
        assert _fetch(server.url, path) == DATA
    assert server.requests == []


def test_a_partial_file_longer_than_the_file_is_started_anew(path):
    with loopback.serving(DATA, loopback.honest()) as server:
        _stopped(path, server.url, DATA + b"more")
        assert _fetch(server.url, path) == DATA


def test_a_server_that_ignores_ranges_is_read_from_the_start(path):
    with loopback.serving(DATA, loopback.ignoring_ranges()) as server:
        _stopped(path, server.url, DATA[:HALF])
        assert _fetch(server.url, path) == DATA


def test_a_file_that_changed_between_two_attempts_is_fetched_from_its_start(path):
    with loopback.serving(OTHER, loopback.honest(etag='"v2"')) as server:
        _stopped(path, server.url, DATA[:HALF], etag='"v1"')
        assert _fetch(server.url, path) == OTHER
    assert server.requests[0]["If-Range"] == '"v1"'


def test_a_changed_file_is_noticed_where_the_server_ignores_if_range(path):
    headers = {
        "Content-Length": SIZE - HALF,
        "Content-Range": f"bytes {HALF}-{SIZE - 1}/{SIZE}",
        "ETag": '"v2"',
    }
    with loopback.serving(OTHER, loopback.bare(206, headers, OTHER[HALF:]), loopback.honest(etag='"v2"')) as server:
        _stopped(path, server.url, DATA[:HALF], etag='"v1"')
        assert _fetch(server.url, path) == OTHER


def test_a_weak_etag_is_never_sent_as_if_range(path):
    with loopback.serving(DATA, loopback.honest(etag='W/"v1"')) as server:
        _stopped(path, server.url, DATA[:HALF], etag='W/"v1"')
        assert _fetch(server.url, path) == DATA
    assert server.requests[0]["If-Range"] is None


def test_a_part_of_another_place_is_not_joined(path):
    headers = {"Content-Length": 10, "Content-Range": f"bytes 5-14/{SIZE}", "ETag": '"v1"'}
    with loopback.serving(DATA, loopback.bare(206, headers, b"x" * 10), loopback.honest()) as server:
        _stopped(path, server.url, DATA[:HALF])
        assert _fetch(server.url, path) == DATA


def test_another_mirror_goes_on_with_what_the_first_has_sent(path):
    with loopback.serving(DATA, loopback.honest(etag='"mirror"')) as server:
        _stopped(path, "http://first.example/pictures.zip", DATA[:HALF], etag='"v1"')
        assert _fetch(server.url, path) == DATA
    assert server.ranges == [f"bytes={HALF}-"]


def test_redirects_are_followed_with_the_range(path):
    with (
        loopback.serving(DATA, loopback.honest()) as server,
        loopback.serving(b"", loopback.redirect(server.url + "/elsewhere")) as front,
    ):
        _stopped(path, front.url, DATA[:HALF])
        assert _fetch(front.url, path) == DATA
    assert server.ranges == [f"bytes={HALF}-"]


def test_a_circle_of_redirects_is_one_sentence(path):
    with loopback.serving(b"", loopback.redirect("/again")) as server:
        assert "can't be fetched (Exceeded 30 redirects" in _refusal(server.url, path)


def test_a_server_that_is_busy_is_asked_again(path):
    with loopback.serving(DATA, loopback.status(503), loopback.status(500), loopback.honest()) as server:
        assert _fetch(server.url, path) == DATA


@pytest.mark.parametrize(
    ("code", "mend"), [(404, "name a --mirror"), (403, "name a --mirror"), (500, "try again later")]
)
def test_an_error_status_is_one_sentence_with_its_mend_and_the_offline_way(path, code, mend):
    with loopback.serving(DATA, loopback.status(code)) as server:
        sentence = _refusal(server.url, path)
    assert f"answers {code}" in sentence
    assert mend in sentence
    assert f"put it at {path}" in sentence


def test_an_error_status_leaves_what_has_arrived(path):
    with loopback.serving(DATA, loopback.status(404)) as server:
        _stopped(path, server.url, DATA[:HALF])
        _refusal(server.url, path)
    assert _partial(path) == DATA[:HALF]


@pytest.mark.parametrize("stated", [SIZE - 1, SIZE + 1, 12])
def test_a_file_of_another_length_is_refused_before_a_byte_of_it_is_written(path, stated):
    with loopback.serving(DATA, loopback.bare(200, {"Content-Length": stated}, DATA[:12])) as server:
        assert f"has {stated:,} bytes where pictures.zip has 400,000" in _refusal(server.url, path)
    assert _partial(path) == b""


def test_a_rest_of_another_total_is_refused(path):
    headers = {"Content-Length": 9, "Content-Range": f"bytes {HALF}-{HALF + 8}/{HALF + 9}", "ETag": '"v1"'}
    with loopback.serving(DATA, loopback.bare(206, headers, b"x" * 9)) as server:
        _stopped(path, server.url, DATA[:HALF])
        assert "it is another file" in _refusal(server.url, path)
    assert _partial(path) == DATA[:HALF]


def test_a_body_that_always_ends_before_its_stated_length_is_given_up_and_kept(path):
    with loopback.serving(DATA, loopback.ignoring_ranges(stop_after=HALF)) as server:
        sentence = _refusal(server.url, path)
    assert "of 400,000 bytes" in sentence
    assert "the same command goes on from there" in sentence
    assert DATA.startswith(_partial(path))
    assert _partial(path)
    assert len(server.requests) <= 5


def test_a_body_without_length_that_goes_on_too_long_is_cut_at_the_size(path):
    with loopback.serving(DATA, loopback.bare(200, {}, DATA + b"and more")) as server:
        assert _fetch(server.url, path) == DATA


def test_a_login_page_in_the_place_of_the_file_is_given_up(path):
    with loopback.serving(DATA, loopback.bare(200, {"Content-Type": "text/html"}, b"<html>log in</html>")) as server:
        assert "after 19 of 400,000 bytes" in _refusal(server.url, path)


def test_a_server_that_is_not_there_is_one_sentence(path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        sentence = _refusal(f"http://127.0.0.1:{unused.getsockname()[1]}/pictures.zip", path)
    assert "can't be reached (" in sentence
    assert "Connection refused" in sentence
    assert "object at 0x" not in sentence
    assert f"put it at {path}" in sentence
    assert list(path.parent.iterdir()) == []


def test_an_unreadable_state_file_only_costs_the_condition(path):
    with loopback.serving(DATA, loopback.honest()) as server:
        _stopped(path, server.url, DATA[:HALF])
        path.with_name("pictures.zip.partial.json").write_text("{")
        assert _fetch(server.url, path) == DATA
    assert server.requests[0]["If-Range"] is None


def test_discarding_leaves_nothing(path):
    _stopped(path, "http://127.0.0.1/", DATA[:HALF])
    fetching.discard(path)
    assert list(path.parent.iterdir()) == []
