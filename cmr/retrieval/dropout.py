"""Dropout whose masks every device draws for its own part of the batch."""

import keras
import tensorflow as tf

# Between the seeds of two devices.
_APART = 0x9E3779B9


class DeviceSeeds(keras.random.SeedGenerator):
    """Keras's seeds, of which each device of a strategy has its own: Keras alone gives all of them the same.

    Those of the first device, and of a training on one, are Keras's.
    """

    def next(self, ordered: bool = True) -> tf.Tensor:
        """The next seed, `[2]`, of the device that asks."""
        seed = super().next(ordered)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return seed
        device = tf.cast(context.replica_id_in_sync_group, seed.dtype)
        return tf.convert_to_tensor(seed) + tf.stack([device * _APART, tf.zeros_like(device)])


class Dropout(keras.layers.Layer):
    """`keras.layers.Dropout` with `DeviceSeeds`; weights files hold both alike.

    Args:
      rate: share of the values that training sets to zero.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = DeviceSeeds()
        self.supports_masking = True
        self.built = True

    def call(self, inputs, training=False):
        """Drops values in training alone; the shape stays."""
        return keras.random.dropout(inputs, self.rate, seed=self.seed_generator) if training else inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
