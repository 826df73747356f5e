"""Limits of a training: settings that only say when it stops and how often its state is saved.

No weight trained so far depends on them, so a run goes on under others to the weights that it would have had.
"""

import math
from collections.abc import Mapping, Sequence


def names(train: object) -> frozenset[str]:
    """The limits among the settings of a training, by the names that they have in config.json.

    Args:
      train: `TrainConfig` or `CaptionerTrainConfig`.
    """
    limits = {"train.max_epochs", "train.patience", "train.checkpoint_steps"}
    # Along a cosine to the last epoch, every rate depends on which epoch that is.
    if getattr(train, "decay", "none") == "cosine":
        limits.remove("train.max_epochs")
    return frozenset(limits)


def last_epoch(scores: Sequence[float], max_epochs: int, patience: int) -> int | None:
    """The epoch (from 1) after which a training stops; None where more are to come.

    Args:
      scores: of the epochs so far, the more the better.
      max_epochs: epochs at most.
      patience: epochs without a better score before it stops.
    """
    best, waited = -math.inf, 0
    for epoch, score in enumerate(scores, start=1):
        waited = 0 if score > best else waited + 1
        best = max(best, score)
        if epoch >= max_epochs or waited >= patience:
            return epoch
    return None


def score(val: Mapping) -> float:
    """What an epoch is judged by, the more the better.

    That is the sum of recalls of a run; of a captioner its perplexity with a minus, or its CIDEr where it is trained to
    raise that.

    Args:
      val: of history.json.
    """
    if "cider" in val:
        return val["cider"]
    if "perplexity" in val:
        return -val["perplexity"] if math.isfinite(val["perplexity"]) else -math.inf
    return val["sum_of_recalls"]
