"""Rows of features that workers of a pipeline make: the same as `row_filling.fill_rows` makes in this process."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np

from cmr import progress
from cmr.pictures import row_filling
from cmr.pictures.cnn import CNN_KERAS, Cnn, load_cnn, write_cnn
from cmr.pictures.streaming import stream_features
from cmr.pipelines import batches
from cmr.pipelines.parts import ROWS, UNREADABLE, Part, Results
from cmr.pipelines.work import Work
from cmr.workspace import features
from cmr.workspace.partial_rows import PartialRows
from data_prep.extract.extraction import Extraction

# A worker reads the next pictures while the CNN has some.
_BATCHES_AT_ONCE = 4


@dataclasses.dataclass(frozen=True)
class FeatureStage:
    """Pictures to rows of features; see `batches.Stage`. Items are image id and path.

    Attributes:
      folder: of the pictures.
      cnn: loads what they go through; a worker must be able to import it.
      dtype: of the rows.
      image_batch: images that go through the CNN at once.
      max_pixels: as in `cmr.pictures.files.read_rgb`.
    """

    folder: pathlib.Path
    cnn: Callable[[], Cnn]
    dtype: np.dtype
    image_batch: int
    max_pixels: int

    @property
    def batch_size(self) -> int:
        return _BATCHES_AT_ONCE * self.image_batch

    def load(self) -> Cnn:
        return self.cnn()

    def compute(self, model: Cnn, items: Sequence[list[str]]) -> Iterator[Part]:
        blocks, failures = [], {}
        for batch in stream_features(model, [path for _, path in items], self.image_batch, self.max_pixels):
            failures |= {sum(map(len, blocks)) + place: failure for place, failure in batch.failures.items()}
            blocks.append(batch.rows)
        # What becomes infinite is refused where the rows are joined.
        with np.errstate(over="ignore"):
            rows = np.concatenate(blocks).astype(self.dtype)
        read = [place for place in range(len(items)) if place not in failures]
        yield Part(ROWS, [items[place][0] for place in read], {"rows": rows[read]})
        grey = sorted(failures)
        reasons = [failures[place] for place in grey]
        yield Part(UNREADABLE, [items[place][0] for place in grey], {"rows": rows[grey]}, reasons)


def fill_rows(rows: PartialRows, extraction: Extraction, cnn: Cnn) -> None:
    """Adds the rows that are not there yet.

    Args:
      rows: of all the pictures; those that are there are left.
      extraction: what they are of, with its runner.
      cnn: what the pictures go through; the workers load the same.

    Raises:
      CmrError: the pipeline failed; what workers have written is kept.
      DataError: pictures can't be read, or a value is not finite; all others are kept.
    """
    image_ids, paths, title = extraction.pictures.image_ids, extraction.pictures.paths, extraction.folder.name
    waiting = image_ids[rows.rows :]
    items = [[image_id, str(path.absolute())] for image_id, path in zip(waiting, paths[rows.rows :], strict=True)]
    image_dir = paths[0].absolute().parent
    work = Work(extraction.folder, {**extraction.of_cnn, "pictures": str(image_dir)})
    stage = FeatureStage(
        image_dir,
        _loader(extraction, cnn, work),
        features.dtype_of(cnn.row_shape),
        extraction.image_batch,
        extraction.max_pixels,
    )
    results = batches.compute(work, extraction.runner, stage, items, "image", title)
    if extraction.on_corrupt != "blank":
        failures = [located for image_id in waiting if (located := results[image_id]).kind == UNREADABLE]
        if failures:
            raise row_filling.unreadable(results.reason(failures[0]), extraction.on_corrupt, len(failures))
    with progress.progress_bar(len(image_ids), "image", f"{title}, joined", rows.rows) as bar, rows.open():
        for start in range(0, len(waiting), stage.batch_size):
            block = waiting[start : start + stage.batch_size]
            rows.append(*_joined(results, block))
            bar.update(len(block))


def _loader(extraction: Extraction, cnn: Cnn, work: Work) -> Callable[[], Cnn]:
    """What gives a worker the very CNN of this process, even where it was trained on the spot."""
    if not extraction.cnn.is_saved:
        return functools.partial(_built, extraction.cnn.build, cnn.crops)
    work.begin()
    write_cnn(work.folder, cnn.model)
    return functools.partial(load_cnn, work.folder / CNN_KERAS, cnn.crops, "run the same command again")


def _built(build: Callable[[], keras.Model], crops: int) -> Cnn:
    return Cnn(build(), crops)


def _joined(results: Results, image_ids: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """The rows of some images, and those of them that a grey picture stands for."""
    located = [results[image_id] for image_id in image_ids]
    block = np.stack([results.value(each, "rows") for each in located])
    return block, [name for name, each in zip(image_ids, located, strict=True) if each.kind == UNREADABLE]
