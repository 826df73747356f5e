"""Processes that meet before they train: who is waited for, who is not taken for another, and what must be equal."""

import concurrent.futures
import contextlib
import socket
import threading

import pytest
from forked_workers import free_ports

from cmr.errors import ConfigError
from cmr.training import rendezvous
from cmr.training.cluster import Cluster, WorkerError

LONG = 60.0


def clusters(count):
    """Each process's view of a cluster on free ports."""
    addresses = {f"worker {number}": f"localhost:{port}" for number, port in enumerate(free_ports(count))}
    return [Cluster(addresses, name) for name in addresses]


def meet_all(processes, facts, seconds=LONG):
    """What became of each process: its error, or None."""
    with concurrent.futures.ThreadPoolExecutor(len(processes)) as pool:
        met = [pool.submit(rendezvous.meet, *each, seconds) for each in zip(processes, facts, strict=True)]
    return [each.exception() for each in met]


@contextlib.contextmanager
def another_server(address, says=b""):
    """A server of another kind at a worker's address, as one of a training that was not ended."""
    host, _, port = address.partition(":")
    with socket.create_server((host, int(port))) as listener:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(says)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_worker_alone_waits_for_nobody(capsys):
    rendezvous.meet(clusters(1)[0], {}, 0)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("count", [2, 4])
def test_all_meet(count):
    assert meet_all(clusters(count), [{"GPUs": 2}] * count) == [None] * count


def test_who_never_comes_ends_the_waiting_by_name():
    processes = clusters(3)

    met = meet_all(processes[:2], [{}] * 2, seconds=0)

    for error, process in zip(met, processes, strict=False):
        assert isinstance(error, WorkerError)
        missing = process.addresses["worker 2"]
        assert f"worker 2 ({missing}) did not come in 0 seconds; give the same command on all workers" in str(error)


@pytest.mark.parametrize(
    "says", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b'{"cmr": "worker 2", "told": {}}\n', b'{"cmr": 3}\n']
)
def test_whoever_else_answers_at_a_workers_address_has_not_come(says):
    process, other = clusters(2)

    with (
        another_server(other.addresses[other.own], says),
        pytest.raises(WorkerError, match=r"worker 1 \(localhost:\d+\) did not come"),
    ):
        rendezvous.meet(process, {}, 0)


def test_a_port_of_its_own_that_is_in_use_is_refused():
    process, _ = clusters(2)

    with (
        another_server(process.addresses[process.own]),
        pytest.raises(ConfigError, match=r"worker 0 can't listen at localhost:\d+ \(Address already in use"),
    ):
        rendezvous.meet(process, {}, 0)


def test_machines_that_differ_are_refused_by_all():
    met = meet_all(clusters(2), [{"TensorFlow": "2.21.0", "GPUs": 2}, {"TensorFlow": "2.21.0", "GPUs": 1}])

    assert [type(error) for error in met] == [ConfigError, ConfigError]
    assert "has GPUs 1 and worker 0 2; make them equal on all workers" in str(met[0])
    assert "has GPUs 2 and worker 1 1; make them equal on all workers" in str(met[1])


def test_workers_of_different_clusters_are_refused():
    first, second, _ = clusters(3)
    two = Cluster(dict(list(first.addresses.items())[:2]), first.own)

    met = meet_all([two, second], [{}] * 2)

    assert [type(error) for error in met] == [ConfigError, ConfigError]
    assert "has workers ['worker 0', 'worker 1', 'worker 2'] and worker 0 ['worker 0', 'worker 1']" in str(met[0])
