"""What workers agree on, on two devices of this process in the place of two processes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cmr.training import distribution
from cmr.training.cluster import Cluster
from cmr.training.workers import Workers


@pytest.fixture
def workers():
    """Two replicas, taken for two workers."""
    made = Workers(distribution.mirrored(("CPU:0", "CPU:1")))
    made._cluster = Cluster({"worker 0": "a:1", "worker 1": "b:1"}, "worker 0")
    return made


@pytest.mark.parametrize("number", [0.0, 1.0, -np.inf, 591.3000001, 2.0**53 - 1])
def test_the_chiefs_number_comes_unchanged(workers, number):
    assert workers.chiefs(number) == number


def test_a_process_alone_agrees_with_itself():
    alone = Workers()
    variable = tf.Variable(1.5)

    alone.take_chiefs({"variable": variable})

    assert alone.is_chief
    assert alone.chiefs(3.25) == 3.25
    assert alone.in_turn(lambda: "made") == "made"
    assert float(variable) == 1.5


def test_every_type_of_a_saved_state_comes_unchanged(workers, monkeypatch):
    monkeypatch.setattr("cmr.training.workers._BLOCK_VALUES", 4)
    dense = keras.layers.Dense(3)
    dense.build([None, 2])
    optimizer = keras.optimizers.Adam()
    optimizer.build(dense.trainable_variables)
    optimizer.iterations.assign(7)
    state = tf.Variable(2**40 + 1, dtype=tf.int64, trainable=False)
    seeds = tf.Variable([3, 2**32 - 1], dtype=tf.uint32, trainable=False)
    worst = tf.Variable(-np.inf, dtype=tf.float64, trainable=False)
    kernel = dense.kernel.numpy()

    workers.take_chiefs({"model": dense, "optimizer": optimizer, "dropout": [seeds], "step": state, "best": worst})

    np.testing.assert_array_equal(dense.kernel.numpy(), kernel)
    np.testing.assert_array_equal(seeds.numpy(), [3, 2**32 - 1])
    assert (int(optimizer.iterations), int(state), float(worst)) == (7, 2**40 + 1, -np.inf)


def test_what_is_made_in_turn_is_made_once_by_each(workers):
    made = []

    assert workers.in_turn(lambda: made.append("here") or len(made)) == 1
    assert made == ["here"]
