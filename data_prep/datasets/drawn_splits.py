"""Splits drawn from a seed, for data that comes without them."""

import random
from collections.abc import Sequence

from cmr.errors import DataError

# The paper tests on 1,000 images; validation gets as many.
MOST_HELD_OUT = 1_000


def draw_splits(image_ids: Sequence[str], seed: int, share: int = 10) -> dict[str, list[str]]:
    """Draws as many val as test images; the others are train.

    Args:
      image_ids: distinct, in any order, which decides nothing.
      seed: decides who is drawn.
      share: val and test are one `share`-th of the images each, 1,000 at most and 1 at least.

    Returns:
      Split -> image ids: train in the order given, val and test as drawn.

    Raises:
      DataError: fewer than three images, which leave a split empty.
    """
    if len(image_ids) < 3:
        raise DataError(f"{len(image_ids)} images can't be split into train, val and test; at least 3 are needed")
    drawn = shuffled(image_ids, seed)
    size = max(1, min(MOST_HELD_OUT, len(drawn) // share))
    held_out = frozenset(drawn[: 2 * size])
    return {
        "train": [image_id for image_id in image_ids if image_id not in held_out],
        "val": drawn[size : 2 * size],
        "test": drawn[:size],
    }


def shuffled(image_ids: Sequence[str], seed: int) -> list[str]:
    """Image ids in an order that a seed decides, and not the order in which they are given."""
    order = sorted(image_ids)
    # Seeded by a string, which Python hashes in the same way everywhere.
    random.Random(f"splits {seed}").shuffle(order)
    return order
