"""Strategies by name, and which of their processes writes the run."""

import types

import pytest
import tensorflow as tf

from cmr.errors import ConfigError
from cmr.training import distribution


def worker(task_type, task_id, **jobs):
    """A strategy's stand-in: a process of a cluster."""
    cluster = tf.train.ClusterSpec({job: [f"localhost:{n}" for n in range(count)] for job, count in jobs.items()})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(cluster, task_type=task_type, task_id=task_id)
    return types.SimpleNamespace(cluster_resolver=resolver)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (worker("worker", 0, worker=2), True),
        (worker("worker", 1, worker=2), False),
        (worker("chief", 0, chief=1, worker=2), True),
        (worker("worker", 0, chief=1, worker=2), False),
        (types.SimpleNamespace(cluster_resolver=None), True),
    ],
)
def test_one_process_of_a_cluster_is_the_chief(strategy, expected):
    assert distribution.is_chief(strategy) is expected


def test_the_default_strategy_is_one_replica_and_its_process_the_chief():
    strategy = distribution.make_strategy("default")

    assert strategy.num_replicas_in_sync == 1
    assert distribution.is_chief(strategy)


def test_devices_that_are_open_already_are_not_split():
    tf.config.list_logical_devices()

    with pytest.raises(ConfigError, match="--logical_cpus=7 came too late"):
        distribution.make_strategy("mirrored", 7)


@pytest.mark.parametrize(
    "tf_config",
    [
        "{",
        '{"cluster": 5, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["localhost:1"]}}',
        '{"cluster": {"worker": ["localhost:1"]}, "task": {"type": "worker", "index": 3}}',
        '{"cluster": {"worker": ["localhost:1"]}, "task": {"type": "worker", "index": "x"}}',
    ],
)
def test_a_tf_config_that_does_not_hold_is_refused(monkeypatch, tf_config):
    monkeypatch.setenv("TF_CONFIG", tf_config)

    with pytest.raises(ConfigError, match="--strategy=multi_worker can't read the environment's TF_CONFIG"):
        distribution.make_strategy("multi_worker")
