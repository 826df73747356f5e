"""Streams the features of picture files: read ahead in parallel, through a CNN in batches, failures named."""

import collections
import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from cmr import progress
from cmr.config import MAX_PIXELS
from cmr.errors import DataError
from cmr.pictures import files
from cmr.pictures.cnn import Cnn
from cmr.pictures.files import Source

# Read while the CNN has one batch, so that neither waits for the other.
_BATCHES_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class FeatureBatch:
    """Features of some pictures that follow each other.

    Attributes:
      rows: `[num_pictures, *row_shape]` float32; those of a grey picture for each that can't be read.
      failures: place in the batch of each picture that can't be read -> a sentence that names it and says why.
    """

    rows: np.ndarray
    failures: Mapping[int, str]


def stream_features(
    cnn: Cnn, sources: Iterable[Source], batch_size: int = 32, max_pixels: int = MAX_PIXELS
) -> Iterator[FeatureBatch]:
    """Features of pictures, in their order. A picture that can't be read never stops the stream.

    At most twice `batch_size` pictures are read ahead, as squares, whatever their number and size.

    Args:
      cnn: what they go through.
      sources: paths, bytes or file objects, as in `files.read_rgb`; taken as they are needed.
      batch_size: pictures that go through the CNN at once; of a CNN of ten crops a tenth of it.
      max_pixels: as in `files.read_rgb`.

    Yields:
      One batch after the other; the last one may be smaller.
    """
    # Ten crops of a few pictures are as much memory as one crop of many.
    size = max(1, batch_size // cnn.crops)
    upcoming = iter(sources)
    # A thread a core: Pillow decodes and resizes without Python's lock.
    readers = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="picture")
    waiting: collections.deque[Future] = collections.deque()

    def read_ahead(count: int) -> None:
        for source in itertools.islice(upcoming, count):
            waiting.append(readers.submit(_read, source, cnn.input_size, cnn.crops, max_pixels))

    try:
        read_ahead(_BATCHES_AHEAD * size)
        while waiting:
            pictures = [waiting.popleft().result() for _ in range(min(size, len(waiting)))]
            read_ahead(len(pictures))
            rows = cnn.features(np.stack([squares for squares, _ in pictures]))
            yield FeatureBatch(rows, {place: failure for place, (_, failure) in enumerate(pictures) if failure})
    finally:
        readers.shutdown(cancel_futures=True)


def features_of_files(cnn: Cnn, sources: Sequence[Source], max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Features of picture files at once, with a bar.

    Returns:
      `[len(sources), feature_dim]` float32.

    Raises:
      DataError: one can't be read.
    """
    rows = np.empty((len(sources), cnn.feature_dim), np.float32)
    with progress.progress_bar(len(sources), "image", "features") as bar:
        for batch in stream_features(cnn, sources, max_pixels=max_pixels):
            for failure in batch.failures.values():
                raise DataError(failure)
            rows[bar.n : bar.n + len(batch.rows)] = batch.rows
            bar.update(len(batch.rows))
    return rows


def _read(source: Source, size: int, crops: int, max_pixels: int) -> tuple[np.ndarray, str]:
    try:
        return files.read_crops(source, size, crops, max_pixels), ""
    except DataError as error:
        return np.full((crops, size, size, 3), files.GREY, np.uint8), str(error)
