"""Visitors of a server of cmr.serve, all at once, each asking the next thing as soon as it has the last one."""

import collections
import dataclasses
import http.client
import itertools
import json
import random
import threading
import time
import urllib.parse
from collections.abc import Iterator

from cmr.errors import ConfigError

# What a visitor asks in turn: a page of results and three of its pictures, a program's search, pictures like one.
_ROUND = ("page", "thumbnail", "thumbnail", "thumbnail", "search", "similar")

_SENTENCES_FROM = 20
_SECONDS_TO_WAIT = 60


@dataclasses.dataclass
class Visits:
    """What came of the requests.

    Attributes:
      seconds: kind of request -> how long each answer took.
      errors: sentence -> how often.
    """

    seconds: dict[str, list[float]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    errors: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def add(self, other: "Visits") -> None:
        """Takes another visitor's in."""
        for kind, seconds in other.seconds.items():
            self.seconds[kind] += seconds
        self.errors += other.errors


def visit(url: str, clients: int, seconds: float) -> Visits:
    """Sends visitors to a server.

    Args:
      url: of the server.
      clients: visitors at once, each with a connection of its own.
      seconds: for which they ask; each at least one of everything.

    Raises:
      ConfigError: no server of cmr.serve answers there.
    """
    host = urllib.parse.urlsplit(url).netloc
    num_pictures, sentences = _learn(host, url)
    each = [Visits() for _ in range(clients)]
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_visit, args=(host, _paths(num_pictures, sentences, number), end, visits))
        for number, visits in enumerate(each)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Visits()
    for visits in each:
        whole.add(visits)
    return whole


def _learn(host: str, url: str) -> tuple[int, list[str]]:
    """The number of pictures, and sentences to search by: those nearest to some pictures."""
    connection = http.client.HTTPConnection(host, timeout=_SECONDS_TO_WAIT)
    try:
        num_pictures = _json(connection, "/api/status")["pictures"]
        rows = random.Random(0).choices(range(num_pictures), k=_SENTENCES_FROM)
        answers = [_json(connection, f"/api/sentences/{row}") for row in rows]
    except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError) as error:
        raise ConfigError(
            f"--url={url} gives no answer of cmr.serve ({error or type(error).__name__}); start it with pictures first"
        ) from error
    finally:
        connection.close()
    return num_pictures, [each["sentence"] for answer in answers for each in answer["results"]] or ["a dog"]


def _json(connection: http.client.HTTPConnection, path: str) -> dict:
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def _paths(num_pictures: int, sentences: list[str], seed: int) -> Iterator[tuple[str, str]]:
    """What a visitor asks: kind and path, without an end."""
    chance = random.Random(seed)
    # Not all the same at the same time.
    for kind in itertools.islice(itertools.cycle(_ROUND), seed % len(_ROUND), None):
        row, words = chance.randrange(num_pictures), urllib.parse.quote(chance.choice(sentences))
        paths = {
            "page": f"/?q={words}",
            "thumbnail": f"/thumbnails/{row}",
            "search": f"/api/search?q={words}",
            "similar": f"/api/similar/{row}",
        }
        yield kind, paths[kind]


def _visit(host: str, paths: Iterator[tuple[str, str]], end: float, visits: Visits) -> None:
    connection = http.client.HTTPConnection(host, timeout=_SECONDS_TO_WAIT)
    for number, (kind, path) in enumerate(paths):
        started = time.monotonic()
        if started > end and number >= len(_ROUND):
            break
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                visits.errors[f"{path.partition('?')[0]}: status {answer.status}"] += 1
        except (OSError, http.client.HTTPException) as error:
            visits.errors[f"{type(error).__name__}: {error}"] += 1
            connection.close()
        visits.seconds[kind].append(time.monotonic() - started)
    connection.close()
