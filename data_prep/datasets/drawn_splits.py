"""Splits drawn from a seed, for data that comes without them."""

import random
from collections.abc import Callable, Iterable, Sequence

from cmr.errors import DataError
from cmr.workspace.vocabulary import tokenize
from data_prep.datasets.raw_dataset import Sentence

# The paper tests on 1,000 images; validation gets as many.
MOST_HELD_OUT = 1_000
# One for each split.
_LEAST = 3


def draw_among_usable(
    image_ids: Sequence[str], is_usable: Callable[[str], bool], sentences: Iterable[Sentence], seed: int
) -> dict[str, list[str]]:
    """As `draw_splits` among the images that can be used and have a sentence with a word; the others stay in train.

    There they are found to be flawed: val and test are as large as is said of them, whatever is left out.

    Args:
      image_ids: as of `draw_splits`.
      is_usable: whether an image has a picture, where it needs one.
      sentences: of all images.
      seed: likewise.

    Raises:
      DataError: fewer than three images.
    """
    described = {sentence.image_id for sentence in sentences if tokenize(sentence.text)}
    usable = [image_id for image_id in image_ids if image_id in described and is_usable(image_id)]
    # Of too few what is wrong with them is the better message.
    among = frozenset(usable if len(usable) >= _LEAST else image_ids)
    drawn = draw_splits([image_id for image_id in image_ids if image_id in among], seed)
    return {**drawn, "train": drawn["train"] + [image_id for image_id in image_ids if image_id not in among]}


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
    if len(image_ids) < _LEAST:
        raise DataError(
            f"{len(image_ids)} images can't be split into train, val and test; at least {_LEAST} are needed"
        )
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
