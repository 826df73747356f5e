"""Dropout's masks: Keras's on one device, and each device's own on several."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cmr.retrieval.dropout import DeviceSeeds, Dropout


def drawn_by(strategy, layer_of, times=2):
    """What a layer leaves of ones in each of several steps, on each device."""
    keras.utils.set_random_seed(5)
    with strategy.scope():
        layer = layer_of()

    @tf.function
    def step():
        return strategy.run(lambda: layer(tf.ones([200]), training=True))

    steps = [strategy.experimental_local_results(step()) for _ in range(times)]
    return np.array([[part.numpy() for part in parts] for parts in steps])


@pytest.fixture
def two_devices():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def test_on_one_device_the_masks_are_kerass():
    one = tf.distribute.get_strategy()
    ours, kerass = drawn_by(one, lambda: Dropout(0.4)), drawn_by(one, lambda: keras.layers.Dropout(0.4))

    np.testing.assert_array_equal(ours, kerass)
    assert 0.2 < np.mean(ours == 0) < 0.6


def test_each_device_draws_its_own_mask_in_each_step(two_devices):
    (first, second), (third, fourth) = drawn_by(two_devices, lambda: Dropout(0.4))
    masks = [first, second, third, fourth]

    assert all(set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.6)} for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == 4
    # Of two masks that know nothing of each other 0.4^2 of the values are lost in both.
    assert np.mean((first == 0) & (second == 0)) < 0.3


def test_the_first_device_goes_on_with_the_masks_of_a_training_on_one(two_devices):
    several = drawn_by(two_devices, lambda: Dropout(0.4))
    alone = drawn_by(tf.distribute.get_strategy(), lambda: Dropout(0.4))

    np.testing.assert_array_equal(several[:, 0], alone[:, 0])


def test_nothing_is_dropped_outside_of_training():
    values = tf.range(6.0)

    np.testing.assert_array_equal(Dropout(0.9)(values), values)
    assert Dropout.from_config(Dropout(0.3).get_config()).rate == 0.3


def test_outside_of_a_strategys_step_the_seeds_are_kerass(two_devices):
    with two_devices.scope():
        ours, kerass = DeviceSeeds(7), keras.random.SeedGenerator(7)

        np.testing.assert_array_equal(ours.next(), kerass.next())
