"""What the processes of one training agree on: its settings, its decisions, and the state that all go on from."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from cmr.errors import ConfigError
from cmr.training import distribution
from cmr.training.cluster import Cluster
from cmr.workspace import runs
from cmr.workspace.runs import Settings

Result = TypeVar("Result")

# Sent at once; the largest weights of a CNN hold a hundred million values.
_BLOCK_VALUES = 1 << 22


class Workers:
    """The processes of a strategy; one alone agrees with itself at no cost.

    Every method but `is_chief` has to be called by all of them, in the same order.

    Args:
      strategy: of tf.distribute; None: this process alone.

    Attributes:
      is_chief: whether this process writes the run's files.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None):
        self._strategy = strategy
        self._cluster = Cluster.of_strategy(strategy) if strategy else None
        self.is_chief = strategy is None or distribution.is_chief(strategy)
        self._of_chief = self._on_replicas(_of_first_replica)
        self._of_all = self._on_replicas(_of_all_replicas)

    def check_equal(self, settings: Settings) -> None:
        """Refuses workers that would train something else: other flags, or other files by their checksums.

        Raises:
          ConfigError: naming the first worker that differs from the chief, and in what.
        """
        if self._is_alone:
            return
        texts = self._texts(settings.to_json())
        read = type(settings).from_json
        names = list(self._cluster.addresses)
        for name, text in zip(names, texts, strict=True):
            changed = runs.differences(read(texts[0]), read(text), (f"on {names[0]}", f"on {name}"))
            if changed:
                self.part()
                raise ConfigError(
                    f"{self._cluster.described([name])} would train something else than {names[0]} "
                    f"({'; '.join(changed.values())}); give all workers the same flags and equal files"
                )

    def chiefs(self, number: float) -> float:
        """The chief's number: measured on several machines it may differ in its last digits, and so a decision."""
        return number if self._is_alone else self._of_chief(np.array([number], np.float64)).item()

    def take_chiefs(self, trackables: Mapping[str, Any]) -> None:
        """Gives all of them the chief's variables, so that it alone has to hold the saved state.

        Args:
          trackables: what a checkpoint of the training tracks.
        """
        if self._is_alone:
            return
        for variable in _variables(trackables):
            value = tf.reshape(tf.cast(variable, tf.float64), [-1]).numpy()
            for start in range(0, len(value), _BLOCK_VALUES):
                value[start : start + _BLOCK_VALUES] = self._of_chief(value[start : start + _BLOCK_VALUES])
            variable.assign(tf.cast(value.reshape(variable.shape), variable.dtype))

    def in_turn(self, function: Callable[[], Result]) -> Result:
        """Calls a function on one after the other, the chief first: what it leaves on a shared disk is made once."""
        if self._is_alone:
            return function()
        result = None
        for name in self._cluster.addresses:
            if name == self._cluster.own:
                result = function()
            self.chiefs(0.0)
        return result

    def part(self) -> None:
        """The last that they do together, before any of them may end.

        What a process reads from another is gone with it, so one that ends as soon as it has read all itself takes the
        last of it from those that are still reading. Behind this all have read everything: it asks each for something,
        and who ends while it is still read takes nothing that counts.
        """
        if self._is_alone:
            return
        with contextlib.suppress(tf.errors.OpError):
            self.chiefs(0.0)

    @property
    def _is_alone(self) -> bool:
        return self._cluster is None or not self._cluster.others

    def _texts(self, text: str) -> list[str]:
        """The text of every worker, in the cluster's order."""
        code = np.frombuffer(text.encode(), np.uint8)
        lengths = self._of_all(np.array([len(code)], np.float64)).astype(int)
        ends = np.cumsum(lengths)
        codes = self._of_all(code.astype(np.float64)).astype(np.uint8)
        texts = [codes[end - length : end].tobytes().decode() for end, length in zip(ends, lengths, strict=True)]
        return texts[:: len(texts) // len(self._cluster.addresses)]

    def _on_replicas(self, function: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[np.ndarray], np.ndarray]:
        """A function of `[n]` float64, in which every type of a state's variables is exact, compiled for all replicas.

        It gives what the first replica of this process got.
        """

        def run(values):
            # A copy on the replica's device, by which TensorFlow finds the other replicas.
            of_replicas = self._strategy.run(lambda given: function(tf.identity(given)), args=(values,))
            return self._strategy.experimental_local_results(of_replicas)[0]

        compiled = tf.function(run, input_signature=[tf.TensorSpec([None], tf.float64)])
        return lambda values: compiled(values).numpy()


def _of_first_replica(values: tf.Tensor) -> tf.Tensor:
    context = tf.distribute.get_replica_context()
    is_first = tf.equal(context.replica_id_in_sync_group, 0)
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(is_first, values, tf.zeros_like(values)))


def _of_all_replicas(values: tf.Tensor) -> tf.Tensor:
    return tf.distribute.get_replica_context().all_gather(values, axis=0)


def _variables(tracked: Any) -> Iterable[tf.Variable]:
    if isinstance(tracked, tf.Variable):
        yield tracked
    elif isinstance(tracked, Mapping | Sequence):
        for part in tracked.values() if isinstance(tracked, Mapping) else tracked:
            yield from _variables(part)
    else:
        # Keras's own.
        for variable in tracked.variables:
            yield variable.value
