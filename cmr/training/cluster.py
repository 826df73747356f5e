"""The machines that train together, as the environment's TF_CONFIG names them: waited for, and asked who is gone.

The format is TensorFlow's: https://www.tensorflow.org/guide/distributed_training#TF_CONFIG
"""

import contextlib
import dataclasses
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf

from cmr.errors import CmrError, ConfigError

# Jobs that train; others that a cluster may have do not take part.
_JOBS = ("chief", "worker")
_EXAMPLE = '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
_POLL_SECONDS = 0.2
_CONNECT_SECONDS = 3.0
# So long may the machine of a process that ended keep its port.
_CLOSING_SECONDS = 3.0


class WorkerError(CmrError):
    """Another worker never came, or is gone."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together.

    Attributes:
      addresses: `host:port` of each by its name, such as `worker 1`.
      own: name of this process.
    """

    addresses: Mapping[str, str]
    own: str

    @classmethod
    def of_jobs(cls, jobs: Mapping[str, Sequence[str]], task_type: str, task_id: int) -> "Cluster":
        """Reads what TensorFlow's cluster resolvers give.

        Raises:
          ValueError: the task is none of the cluster's, or an address is none.
        """
        names = {f"{job} {index}": address for job in _JOBS for index, address in enumerate(jobs.get(job, ()))}
        own = f"{task_type} {task_id}"
        if own not in names:
            raise ValueError(f"the cluster has no {own}")
        for address in names.values():
            _split(address)
        return cls(names, own)

    @classmethod
    def from_environment(cls) -> "Cluster":
        """Reads TF_CONFIG.

        Raises:
          ConfigError: it is not set, names no cluster or can't be read.
        """
        text = os.environ.get("TF_CONFIG", "")
        try:
            config = json.loads(text or "{}")
            if not config.get("cluster"):
                raise ConfigError(
                    "--strategy=multi_worker reads the environment's TF_CONFIG, which "
                    f"{'names no cluster' if text else 'is not set'}; set it on every worker, such as "
                    f"TF_CONFIG='{_EXAMPLE}'"
                )
            return cls.of_jobs(config["cluster"], config["task"]["type"], int(config["task"]["index"]))
        except KeyError as error:
            raise _unreadable(f"{error} is missing") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise _unreadable(error) from error

    def wait(self, seconds: float) -> None:
        """Waits until every other process has come.

        Each listens at its own address until it has reached all others, where TensorFlow's server listens afterwards.

        Args:
          seconds: the longest to wait.

        Raises:
          WorkerError: one has not come.
          ConfigError: this process can't listen at its own address.
        """
        waited_for = self._others()
        if not waited_for:
            return
        ends = time.monotonic() + seconds
        with self._listening():
            print(f"{self.own} waits for {self.described(waited_for)}", flush=True)
            while waited_for := self._unreached(waited_for):
                if time.monotonic() >= ends:
                    raise WorkerError(
                        f"{self.described(waited_for)} did not come in {seconds:g} seconds; give the same command on "
                        "all workers of TF_CONFIG, or a longer --worker_timeout"
                    )
                time.sleep(_POLL_SECONDS)

    def gone(self) -> list[str]:
        """Names of the other processes that can't be reached; looks for a few seconds for one."""
        ends = time.monotonic() + _CLOSING_SECONDS
        while True:
            unreached = self._unreached(self._others())
            if unreached or time.monotonic() >= ends:
                return unreached
            time.sleep(_POLL_SECONDS)

    def described(self, names: Sequence[str]) -> str:
        """Names with their addresses, to be read."""
        return ", ".join(f"{name} ({self.addresses[name]})" for name in names)

    def _others(self) -> list[str]:
        return [name for name in self.addresses if name != self.own]

    def _unreached(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if not _is_reached(self.addresses[name])]

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        address = self.addresses[self.own]
        _, port = _split(address)
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        try:
            listener = socket.create_server(("", port), family=family, backlog=len(self.addresses), dualstack_ipv6=both)
        except OSError as error:
            raise ConfigError(
                f"{self.own} can't listen at {address} ({os.strerror(error.errno)}); end what uses the port, or name "
                "another in every worker's TF_CONFIG"
            ) from error
        with listener:
            yield


@contextlib.contextmanager
def told_who_is_gone(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turns TensorFlow's errors of a lost worker into one sentence that names it.

    Args:
      strategy: under which the block trains; without other workers nothing is changed.

    Raises:
      WorkerError: another worker is gone.
    """
    try:
        yield
    except tf.errors.OpError as error:
        resolver = strategy.cluster_resolver
        if resolver is None:
            raise
        cluster = Cluster.of_jobs(resolver.cluster_spec().as_dict(), resolver.task_type, resolver.task_id)
        gone = cluster.gone()
        if not gone:
            raise
        verb = "is" if len(gone) == 1 else "are"
        raise WorkerError(
            f"{cluster.own} can't go on: {cluster.described(gone)} {verb} gone; give the same command again on all "
            "workers, which go on from the last saved state"
        ) from error


def _unreadable(reason: object) -> ConfigError:
    return ConfigError(
        f"--strategy=multi_worker can't read the environment's TF_CONFIG: {reason}; write it as in '{_EXAMPLE}'"
    )


def _split(address: str) -> tuple[str, int]:
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{address!r} is no HOST:PORT")
    return host.strip("[]"), int(port)


def _is_reached(address: str) -> bool:
    try:
        socket.create_connection(_split(address), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
