"""Which sentences a training reads, and when.

The order is a function of (seed, step): an epoch is a full shuffle of the training sentences, cut into windows that are
sorted by length, cut into batches and shuffled again, so that a batch pads little. A resumed run asks for the step it
stopped at and gets what it would have got.
"""

import dataclasses

import numpy as np

from cmr.config import TrainConfig
from cmr.errors import ConfigError

# Sorted together, this many batches pad by a few percent and still mix most lengths.
_WINDOW_BATCHES = 50

# Streams of random numbers that share a seed and an epoch.
_QUERIES, _NEGATIVES = 0, 1


def shuffled_batches(lengths: np.ndarray, batch_size: int, seed: int, epoch: int, stream: int) -> np.ndarray:
    """A shuffle of the sentences in batches of similar length.

    Args:
      lengths: `[num_captions]` words of each sentence.
      batch_size: sentences a batch.
      seed: of the run.
      epoch: number of the epoch, from 0.
      stream: keeps the queries' shuffle and the negatives' independent.

    Returns:
      `[num_captions // batch_size, batch_size]` int64: each sentence at most once; the remainder, other sentences in
      every epoch, is left out.
    """
    random = np.random.default_rng([seed, epoch, stream])
    steps = len(lengths) // batch_size
    order = random.permutation(len(lengths))[: steps * batch_size]
    windows = np.split(order, range(batch_size * _WINDOW_BATCHES, len(order), batch_size * _WINDOW_BATCHES))
    by_length = [window[np.argsort(lengths[window], kind="stable")] for window in windows]
    return random.permutation(np.concatenate(by_length).reshape(steps, batch_size))


def check_batches(config: TrainConfig, num_captions: int) -> None:
    """Refuses batches of more sentences than there are.

    Args:
      config: batch size and negatives.
      num_captions: training sentences.

    Raises:
      ConfigError: naming the flags.
    """
    pairs = max(config.batch_size, config.negatives_per_batch)
    if num_captions < pairs:
        raise ConfigError(
            f"the training split has {num_captions} sentences, fewer than a batch's {pairs}; "
            "lower --batch_size (and --num_negatives)"
        )


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Which pairs each step trains on.

    Attributes:
      lengths: `[num_captions]` words of each training sentence.
      config: batch size, negatives and seed.
    """

    lengths: np.ndarray
    config: TrainConfig

    def __post_init__(self):
        check_batches(self.config, len(self.lengths))

    @property
    def steps_per_epoch(self) -> int:
        return len(self.lengths) // self.config.batch_size

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Queries `[steps, batch_size]` and negatives `[steps, negatives_per_batch]` int64 of an epoch."""
        queries = shuffled_batches(self.lengths, self.config.batch_size, self.config.seed, epoch, _QUERIES)
        return queries, self._negatives(epoch)

    def _negatives(self, epoch: int) -> np.ndarray:
        size = self.config.negatives_per_batch
        steps = self.steps_per_epoch
        if not size:
            return np.zeros((steps, 0), np.int64)
        # With more negatives than queries a batch, one shuffle does not last the epoch; the next ones go on.
        shuffles, stream = [], _NEGATIVES
        while sum(map(len, shuffles)) < steps:
            shuffles.append(shuffled_batches(self.lengths, size, self.config.seed, epoch, stream))
            stream += 1
        return np.concatenate(shuffles)[:steps]
