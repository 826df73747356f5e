"""The machines of TF_CONFIG: read, and named when they are gone."""

import contextlib
import json
import socket
import types

import pytest
import tensorflow as tf

from cmr.errors import ConfigError
from cmr.training import cluster
from cmr.training.cluster import Cluster, WorkerError


@contextlib.contextmanager
def listening():
    """A process that has come: yields its address."""
    with socket.socket() as opened:
        opened.bind(("localhost", 0))
        opened.listen()
        yield f"localhost:{opened.getsockname()[1]}"


def free_address():
    """Where nobody listens."""
    with listening() as address:
        return address


def strategy_of(*addresses, task_id=0):
    """A strategy's stand-in: one of the workers at the addresses."""
    spec = tf.train.ClusterSpec({"worker": list(addresses)})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(spec, task_type="worker", task_id=task_id)
    return types.SimpleNamespace(cluster_resolver=resolver)


@pytest.fixture(autouse=True)
def no_closing_time(monkeypatch):
    monkeypatch.setattr(cluster, "_CLOSING_SECONDS", 0.0)


def test_the_processes_that_train_are_named_by_job_and_number(monkeypatch):
    jobs = {"chief": ["a:1"], "worker": ["b:2", "c:3"], "evaluator": ["d:4"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": jobs, "task": {"type": "worker", "index": "1"}}))

    assert Cluster.from_environment() == Cluster({"chief 0": "a:1", "worker 0": "b:2", "worker 1": "c:3"}, "worker 1")


@pytest.mark.parametrize(
    ("tf_config", "sentence"),
    [
        (None, "TF_CONFIG, which is not set; set it on every worker"),
        ("", "TF_CONFIG, which is not set; set it on every worker"),
        ("{}", "TF_CONFIG, which names no cluster; set it on every worker"),
        ('{"task": {"type": "worker", "index": 0}}', "TF_CONFIG, which names no cluster"),
        ('{"cluster": {}}', "TF_CONFIG, which names no cluster"),
    ],
)
def test_without_a_cluster_there_is_nothing_to_train_with(monkeypatch, tf_config, sentence):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if tf_config is not None:
        monkeypatch.setenv("TF_CONFIG", tf_config)

    with pytest.raises(ConfigError, match=sentence):
        Cluster.from_environment()


@pytest.mark.parametrize(
    "tf_config",
    [
        "[]",
        "5",
        '{"cluster": {"worker": 5}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:0"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": [":1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": null}}',
    ],
)
def test_a_cluster_that_does_not_hold_is_refused(monkeypatch, tf_config):
    monkeypatch.setenv("TF_CONFIG", tf_config)

    with pytest.raises(ConfigError, match=r"TF_CONFIG(: .*; write it as in|, which names no cluster)"):
        Cluster.from_environment()


@pytest.mark.parametrize("kind", [tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError])
def test_a_step_that_loses_a_worker_ends_in_its_name(kind):
    lost = free_address()
    with (
        listening() as other,
        pytest.raises(WorkerError) as caught,
        cluster.told_who_is_gone(strategy_of(free_address(), other, lost)),
    ):
        raise kind(None, None, "many\nlines")

    assert str(caught.value).startswith(f"worker 0 can't go on: worker 2 ({lost}) is gone; give the same command")


def test_an_error_while_all_workers_are_there_stays_as_it_is():
    with (
        listening() as other,
        pytest.raises(tf.errors.InternalError),
        cluster.told_who_is_gone(strategy_of(free_address(), other)),
    ):
        raise tf.errors.InternalError(None, None, "of this process's own")


def test_an_error_without_other_workers_stays_as_it_is():
    alone = types.SimpleNamespace(cluster_resolver=None)

    with pytest.raises(tf.errors.AbortedError), cluster.told_who_is_gone(alone):
        raise tf.errors.AbortedError(None, None, "of this process's own")


# As TensorFlow 2.21 wrote them when a process of two was stopped (SIGSTOP).
SILENT_WORKER = """Collective ops is aborted by: Error reported from /job:worker/task:1: The following tasks are
unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1
The tasks have crashed. Check the task logs for an earlier error to debug further."""
SILENT_LEADER = """Collective ops is aborted by: Deadline Exceeded

RPC: /tensorflow.CoordinationService/Heartbeat
The error could be from a previous operation. Restart your program to reset."""


@pytest.mark.parametrize(
    ("task_id", "message", "sentence"),
    [
        (0, SILENT_WORKER, r"worker 0 can't go on: worker 1 \(localhost:\d+\) does not answer any more; give the same"),
        (1, SILENT_LEADER, r"worker 1 can't go on: worker 0 \(localhost:\d+\) does not answer any more; give the same"),
        (0, "Collective ops is aborted by: something else", "worker 0 can't go on: another worker reported an error"),
    ],
)
def test_a_worker_that_stands_still_while_its_machine_answers_is_named_too(task_id, message, sentence):
    with (
        listening() as first,
        listening() as second,
        pytest.raises(WorkerError, match=sentence),
        cluster.told_who_is_gone(strategy_of(first, second, task_id=task_id)),
    ):
        raise tf.errors.UnavailableError(None, None, message)
