"""Strategies of tf.distribute by name."""

import functools

import tensorflow as tf

from cmr.errors import ConfigError
from cmr.training.cluster import Cluster


def make_strategy(name: str, logical_cpus: int = 0, worker_timeout: float = 600.0) -> tf.distribute.Strategy:
    """Makes the strategy; call it before TensorFlow opens its devices.

    Args:
      name: `default`, `mirrored` or `multi_worker` (machines by the environment's TF_CONFIG).
      logical_cpus: logical devices to split the CPU into; 0 leaves it whole.
      worker_timeout: seconds to wait for the other workers.

    Raises:
      ConfigError: the devices can't be split any more, or TF_CONFIG is not understood.
      WorkerError: another worker did not come.
    """
    devices = []
    if logical_cpus:
        try:
            tf.config.set_logical_device_configuration(
                tf.config.list_physical_devices("CPU")[0],
                [tf.config.LogicalDeviceConfiguration() for _ in range(logical_cpus)],
            )
        except RuntimeError as error:
            raise ConfigError(f"--logical_cpus={logical_cpus} came too late: {error}") from error
        devices = [f"CPU:{index}" for index in range(logical_cpus)]
    if name == "mirrored":
        return mirrored(tuple(devices))
    if name == "multi_worker":
        # TensorFlow itself would wait for an hour, and not say for whom.
        Cluster.from_environment().wait(worker_timeout)
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise ConfigError(f"--strategy=multi_worker can't read the environment's TF_CONFIG: {error}") from error
    return tf.distribute.get_strategy()


@functools.cache
def mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """The process's one MirroredStrategy of these devices; of all GPUs, or the CPU, where none are named.

    Each strategy numbers its collective operations from the same start, so a second one of the same devices, as of a
    second training in a notebook, would exchange its values with the operations of the first.
    """
    return tf.distribute.MirroredStrategy(list(devices) or None)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run's files."""
    resolver = strategy.cluster_resolver
    if resolver is None or resolver.task_type in (None, "chief"):
        return True
    # Without a task named chief, the first worker is the chief.
    return resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs
