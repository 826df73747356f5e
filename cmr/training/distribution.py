"""Strategies of tf.distribute by name."""

import functools

import keras
import tensorflow as tf

from cmr.errors import ConfigError
from cmr.training import rendezvous
from cmr.training.cluster import Cluster

# Between having met and being connected by TensorFlow, which opens its devices meanwhile.
CONNECT_SECONDS = 120


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
        return _multi_worker(Cluster.from_environment(), worker_timeout)
    return tf.distribute.get_strategy()


def _multi_worker(cluster: Cluster, worker_timeout: float) -> tf.distribute.Strategy:
    facts = {
        "TensorFlow": tf.__version__,
        "Keras": keras.__version__,
        "GPUs": len(tf.config.list_physical_devices("GPU")),
    }
    rendezvous.meet(cluster, facts, worker_timeout)
    _bound_connecting(cluster)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise cluster.loss(error) or error from error
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ConfigError(f"--strategy=multi_worker can't read the environment's TF_CONFIG: {error}") from error


def _bound_connecting(cluster: Cluster) -> None:
    """Lets TensorFlow give up on a worker that is lost while all are connected.

    By itself it waits for an hour, in a call that lets no signal and no other thread through. Nothing public sets this;
    the strategy takes a coordination service that is set up before it.
    """
    from tensorflow.python.eager import context

    names = [name.split() for name in cluster.addresses]
    job, index = names[0]
    context.context().configure_coordination_service(
        "standalone", f"/job:{job}/replica:0/task:{index}", cluster_register_timeout_in_ms=1000 * CONNECT_SECONDS
    )
    service = context.context().coordination_service
    service.cluster_register_with_barrier = True
    for job in dict.fromkeys(job for job, _ in names):
        service.coordinated_job_list.add(name=job, num_tasks=sum(each == job for each, _ in names))


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
