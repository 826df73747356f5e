"""How the processes of a cluster meet before TensorFlow connects them: who is there, and of what kind.

TensorFlow itself would wait for an hour, not say for whom, and hang where machines differ.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping

from cmr.errors import ConfigError
from cmr.training.cluster import Cluster, WorkerError, host_and_port

_POLL_SECONDS = 0.2
_ANSWER_SECONDS = 10.0
_LONGEST_LINE = 1 << 16


def meet(cluster: Cluster, facts: Mapping[str, object], seconds: float) -> None:
    """Waits until every other process has come, and waits for this one too.

    Each listens at its own address, where TensorFlow's server listens afterwards, and asks the others for a line that
    only a process which waits likewise can give: a server that a killed training has left at an address does not count.

    Args:
      cluster: the processes.
      facts: what has to be equal everywhere, each by its name, as JSON has it.
      seconds: the longest to wait.

    Raises:
      WorkerError: one has not come.
      ConfigError: this process can't listen at its own address, or one that has come differs in a fact.
    """
    if not cluster.others:
        return
    ends = time.monotonic() + seconds
    told = {**facts, "workers": list(cluster.addresses)}
    asked: dict[str, dict] = {}
    with _listening(cluster, told) as heard:
        print(f"{cluster.own} waits for {cluster.described(cluster.others)}", flush=True)
        while True:
            for name in cluster.others:
                if name not in asked and (answer := _ask(cluster, name, told)) is not None:
                    asked[name] = answer
            for name, theirs in {**heard, **asked}.items():
                _check_equal(cluster, name, theirs, told)
            missing = [name for name in cluster.others if name not in asked or name not in heard]
            if not missing:
                return
            if time.monotonic() >= ends:
                raise WorkerError(
                    f"{cluster.described(missing)} did not come in {seconds:g} seconds; give the same command on all "
                    "workers of TF_CONFIG, or a longer --worker_timeout"
                )
            time.sleep(_POLL_SECONDS)


def _check_equal(cluster: Cluster, name: str, theirs: Mapping, own: Mapping) -> None:
    for fact, value in own.items():
        if theirs.get(fact) != value:
            raise ConfigError(
                f"{cluster.described([name])} has {fact} {theirs.get(fact)} and {cluster.own} {value}; make them "
                "equal on all workers"
            )


@contextlib.contextmanager
def _listening(cluster: Cluster, told: Mapping) -> Iterator[dict[str, dict]]:
    """Answers every process that asks, while the block runs; yields who has asked, and what it told."""
    address = cluster.addresses[cluster.own]
    _, port = host_and_port(address)
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        listener = socket.create_server(("", port), family=family, backlog=len(cluster.addresses), dualstack_ipv6=both)
    except OSError as error:
        raise ConfigError(
            f"{cluster.own} can't listen at {address} ({os.strerror(error.errno)}); end what uses the port, or name "
            "another in every worker's TF_CONFIG"
        ) from error
    heard: dict[str, dict] = {}
    with listener:
        thread = threading.Thread(target=_answer, args=(listener, cluster, told, heard), daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            # Wakes the thread, which `close` alone would leave waiting.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(listener: socket.socket, cluster: Cluster, told: Mapping, heard: dict[str, dict]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_ANSWER_SECONDS)
            name, theirs = _read(connection)
            if name in cluster.others:
                _write(connection, cluster.own, told)
                heard[name] = theirs


def _ask(cluster: Cluster, name: str, told: Mapping) -> dict | None:
    """What another process tells; None where it has not come."""
    try:
        with socket.create_connection(host_and_port(cluster.addresses[name]), _ANSWER_SECONDS) as connection:
            _write(connection, cluster.own, told)
            answered, theirs = _read(connection)
    except OSError:
        return None
    return theirs if answered == name else None


def _write(connection: socket.socket, own: str, told: Mapping) -> None:
    connection.sendall((json.dumps({"cmr": own, "told": told}) + "\n").encode())


def _read(connection: socket.socket) -> tuple[str, dict]:
    """Who is at the other end, and what it tells; nobody where that speaks otherwise."""
    with connection.makefile("rb") as file:
        line = file.readline(_LONGEST_LINE)
    try:
        content = json.loads(line)
        return str(content["cmr"]), dict(content["told"])
    except (ValueError, KeyError, TypeError):
        return "", {}
