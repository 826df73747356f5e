"""The machines that train together, as the environment's TF_CONFIG names them, and the sentence that says who is gone.

The format is TensorFlow's: https://www.tensorflow.org/guide/distributed_training#TF_CONFIG
"""

import contextlib
import dataclasses
import json
import os
import re
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

# How TensorFlow's coordination service says that a process sends no heartbeats, or that its leader answers none.
_SILENT_TASK = re.compile(r"^/job:(\w+)/replica:\d+/task:(\d+)$", re.MULTILINE)
_SILENT_LEADER = "CoordinationService/"
_ABORTED = "Collective ops is aborted"


class WorkerError(CmrError):
    """Another worker never came, or is gone."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together.

    Attributes:
      addresses: `host:port` of each by its name, such as `worker 1`; the chief's, TensorFlow's leader, is the first.
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
            host_and_port(address)
        return cls(names, own)

    @classmethod
    def of_strategy(cls, strategy: tf.distribute.Strategy) -> "Cluster | None":
        """The processes that a strategy trains in; None where it is this one alone."""
        resolver = strategy.cluster_resolver
        if resolver is None or resolver.task_type is None:
            return None
        return cls.of_jobs(resolver.cluster_spec().as_dict(), resolver.task_type, resolver.task_id)

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

    @property
    def others(self) -> list[str]:
        """Names of the other processes."""
        return [name for name in self.addresses if name != self.own]

    def described(self, names: Sequence[str]) -> str:
        """Names with their addresses, to be read."""
        return ", ".join(f"{name} ({self.addresses[name]})" for name in names)

    def loss(self, error: tf.errors.OpError) -> WorkerError | None:
        """What an error of TensorFlow says of the other processes; None where it is not theirs.

        A process that ended can't be reached. One that stands still, or whose machine is cut off, is named by
        TensorFlow, which has missed its heartbeats for some ten seconds.
        """
        gone = self._gone()
        if gone:
            what = f"{self.described(gone)} {'is' if len(gone) == 1 else 'are'} gone"
        elif silent := self._silent(error.message):
            what = f"{self.described(silent)} {'does' if len(silent) == 1 else 'do'} not answer any more"
        elif _ABORTED in error.message:
            what = "another worker reported an error"
        else:
            return None
        return WorkerError(
            f"{self.own} can't go on: {what}; give the same command again on all workers, which go on from the last "
            "saved state"
        )

    def _gone(self) -> list[str]:
        """Names of the other processes that can't be reached; looks for a few seconds for one."""
        ends = time.monotonic() + _CLOSING_SECONDS
        while True:
            unreached = [name for name in self.others if not _is_reached(self.addresses[name])]
            if unreached or time.monotonic() >= ends:
                return unreached
            time.sleep(_POLL_SECONDS)

    def _silent(self, message: str) -> list[str]:
        named = [f"{job} {index}" for job, index in _SILENT_TASK.findall(message)]
        leader = next(iter(self.addresses))
        return [name for name in named if name in self.others] or [leader] * (
            _SILENT_LEADER in message and leader in self.others
        )


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
        cluster = Cluster.of_strategy(strategy)
        loss = cluster.loss(error) if cluster else None
        if loss is None:
            raise
        raise loss from error


def host_and_port(address: str) -> tuple[str, int]:
    """Takes an address apart.

    Raises:
      ValueError: it is none.
    """
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{address!r} is no HOST:PORT")
    return host.strip("[]"), int(port)


def _unreadable(reason: object) -> ConfigError:
    return ConfigError(
        f"--strategy=multi_worker can't read the environment's TF_CONFIG: {reason}; write it as in '{_EXAMPLE}'"
    )


def _is_reached(address: str) -> bool:
    try:
        socket.create_connection(host_and_port(address), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
