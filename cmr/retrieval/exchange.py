"""What the replicas of a training send each other in a step, in bytes."""

import dataclasses
import math

import keras
import tensorflow as tf

from cmr.config import TrainConfig

_ROW_BYTES = tf.int32.size
_EMBEDDING_BYTES = tf.float32.size


@dataclasses.dataclass(frozen=True)
class Exchange:
    """One value that replicas exchange in a step.

    Attributes:
      what: to be read.
      num_bytes: of the whole value: of a sum, which every replica holds, or of all parts that are joined.
      is_sum: whether it is summed over the replicas (all-reduce) or joined of their parts (all-gather).
    """

    what: str
    num_bytes: int
    is_sum: bool

    def sent(self, num_replicas: int) -> float:
        """Bytes that a replica sends when all stand in a ring: twice round for a sum, once to join.

        Reference: Patarasuk, Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009.
        """
        return (2 if self.is_sum else 1) * (num_replicas - 1) / num_replicas * self.num_bytes


def of_step(model: keras.Model, config: TrainConfig) -> list[Exchange]:
    """What a step exchanges, the loss's four bytes left out.

    The gradient of each weight is sent whole, the word table's too: a batch touches few of its rows, but which ones
    differs by replica, and the global norm by which the gradient is clipped is that of the sum.

    Args:
      model: of `model.retrieval_model`.
      config: the training's settings.
    """
    gradients = [
        Exchange(
            f"gradient of {variable.path}", math.prod(variable.shape) * tf.as_dtype(variable.dtype).size, is_sum=True
        )
        for variable in model.trainable_variables
    ]
    candidates = config.negatives_per_batch or config.batch_size
    dim = model.output["image"].shape[-1]
    embeddings = 2 * candidates * dim * _EMBEDDING_BYTES
    return [
        *gradients,
        Exchange("embeddings of the candidates, both sides", embeddings, is_sum=False),
        Exchange("their images' numbers", candidates * _ROW_BYTES, is_sum=False),
        Exchange("gradient of those embeddings", embeddings, is_sum=True),
    ]
