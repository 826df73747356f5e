"""Pairs of sentences that describe one image: which are to be had, and which an epoch draws."""

import numpy as np

from cmr.data.examples import Examples

# Keeps the numbers that draw pairs apart from those that shuffle them.
_PAIRS = 2


def num_pairs(sentences: Examples) -> int:
    """Pairs of an epoch: half as many as an image has sentences, rounded down, of each."""
    return int(np.sum(np.bincount(sentences.image_of_caption) // 2))


def pairs_of_epoch(sentences: Examples, seed: int, epoch: int) -> np.ndarray:
    """Pairs of sentences of one image, drawn anew every epoch; a sentence is in one pair at most.

    Args:
      sentences: of images, those of an image together.
      seed: of the run.
      epoch: from 0.

    Returns:
      `[num_pairs, 2]` int64, numbers of sentences.
    """
    images = sentences.image_of_caption
    drawn = np.random.default_rng([seed, epoch, _PAIRS]).random(len(images))
    shuffled = np.lexsort((drawn, images))
    counts = np.bincount(images)
    place = np.arange(len(images)) - np.repeat(np.cumsum(counts) - counts, counts)
    firsts = np.flatnonzero((place % 2 == 0) & (place + 1 < counts[images[shuffled]]))
    return np.stack([shuffled[firsts], shuffled[firsts + 1]], axis=1)
