"""What a CNN makes of picture files as rows on the disk: in batches, with a bar, and on from where it was stopped."""

import contextlib
import itertools
import time
from collections.abc import Callable, Sequence

import numpy as np

from cmr import progress
from cmr.config import MAX_PIXELS
from cmr.errors import DataError
from cmr.pictures.cnn import Cnn
from cmr.pictures.streaming import stream_features
from cmr.workspace.partial_rows import PartialRows

# A kill loses at most this much work.
_SECONDS_BETWEEN_SAVES = 10.0


def fill_rows(
    rows: PartialRows,
    cnn: Cnn,
    image_ids: Sequence[str],
    sources: Sequence,
    title: str,
    batch_size: int = 32,
    max_pixels: int = MAX_PIXELS,
    on_corrupt: str | None = None,
    read: Callable[..., np.ndarray] | None = None,
) -> None:
    """Adds the rows that are not there yet.

    Args:
      rows: of all the pictures; those that are there are left.
      cnn: what the pictures go through.
      image_ids: `[num_images]`, of the rows.
      sources: `[num_images]`, what `read` takes of each.
      title: stands before the bar.
      batch_size: pictures that go through the CNN at once.
      max_pixels: as in `files.read_rgb`.
      on_corrupt: of a picture that can't be read: `blank` takes a grey one in its place, `refuse` ends; None ends too,
        for those who have no such flag.
      read: as of `streaming.stream_features`.

    Raises:
      DataError: a picture can't be read, or a value is not finite; what was added before is kept.
    """
    remaining = iter(image_ids[rows.rows :])
    batches = stream_features(cnn, sources[rows.rows :], batch_size, max_pixels, read)
    bar = progress.progress_bar(len(sources), "image", title, rows.rows)
    with contextlib.closing(batches), bar, rows.open():
        saved = time.monotonic()
        for batch in batches:
            of_batch = list(itertools.islice(remaining, len(batch.rows)))
            if batch.failures and on_corrupt != "blank":
                raise unreadable(next(iter(batch.failures.values())), on_corrupt)
            rows.append(batch.rows, [of_batch[place] for place in batch.failures])
            bar.update(len(batch.rows))
            if time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                rows.save()
                saved = time.monotonic()


def unreadable(reason: str, on_corrupt: str | None, count: int = 1) -> DataError:
    """The error of pictures that can't be read.

    Args:
      reason: a sentence that names the first of them and says why.
      on_corrupt: as of `fill_rows`; not `blank`.
      count: how many are known to be unreadable.
    """
    if not on_corrupt:
        return DataError(reason)
    if count > 1:
        return DataError(
            f"{count:,} pictures can't be read, first of them: {reason}; mend them, or give --on_corrupt=blank to let "
            "a grey picture stand for each"
        )
    return DataError(f"{reason}; mend it, or give --on_corrupt=blank to let a grey picture stand for it")
