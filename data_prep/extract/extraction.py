"""Runs a CNN over the images of a data set: in batches, within bounded memory, and on from where it was stopped."""

import contextlib
import dataclasses
import functools
import itertools
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from cmr import progress
from cmr.config import MAX_PIXELS
from cmr.errors import DataError
from cmr.pictures.cnn import Cnn, write_cnn
from cmr.pictures.streaming import stream_features
from cmr.workspace import features
from data_prep.extract import finished_features, partial_rows
from data_prep.extract.cnns import CnnDescription
from data_prep.extract.partial_rows import PartialRows

# A kill loses at most this much work.
_SECONDS_BETWEEN_SAVES = 10.0


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What to extract from.

    Attributes:
      image_ids: `[num_images]`, in the order of the rows.
      paths: `[num_images]`, their files.
    """

    image_ids: Sequence[str]
    paths: Sequence[pathlib.Path]


@dataclasses.dataclass(frozen=True)
class Extraction:
    """Writes `features/<name>/` of WORKSPACE.md.

    Attributes:
      cnn: what it runs; built only when there is something to do.
      pictures: the images.
      folder: the features' folder.
      crops: 1, or 10 whose features are averaged.
      image_batch: images that go through the CNN at once.
      on_corrupt: `refuse` or `blank`.
      max_pixels: as in `cmr.pictures.files.read_rgb`.
    """

    cnn: CnnDescription
    pictures: Pictures
    folder: pathlib.Path
    crops: int
    image_batch: int
    on_corrupt: str
    max_pixels: int = MAX_PIXELS

    def prepare(self) -> None:
        """Does all that can fail before the CNN runs, and writes nothing: looks at the pictures, builds the CNN.

        Raises:
          DataError: pictures are missing.
          WorkspaceError: the weights are missing or do not fit.
        """
        if self._finished is None:
            self._check_files()
        if self._finished is None or self._lacks_cnn:
            _ = self._model

    def run(self) -> dict:
        """Extracts what is not there yet.

        Returns:
          extractor.json's content, and `seconds` (0 where whole features of these settings were there already).

        Raises:
          DataError: with `refuse`, an image can't be read; what was extracted before is kept.
        """
        self.prepare()
        if self._finished is not None:
            if self._lacks_cnn:
                write_cnn(self.folder, self._model)
            return {**self._finished, "seconds": 0.0}
        started = time.monotonic()
        cnn = Cnn(self._model, self.crops)
        rows = PartialRows(self.folder, self._settings, self.pictures.image_ids, cnn.row_shape)
        self._fill(rows, cnn)
        # From here to the end the folder holds neither an old description nor a half new one.
        for name in (features.EXTRACTOR_JSON, features.CHECKED_JSON):
            (self.folder / name).unlink(missing_ok=True)
        if self.cnn.is_saved:
            write_cnn(self.folder, self._model)
        rows.finish()
        description = {
            "name": self.folder.name,
            **self._settings,
            "feature_dim": cnn.feature_dim,
            **({"cells": cnn.row_shape[0]} if len(cnn.row_shape) == 2 else {}),
            "stand_in": self.cnn.stand_in,
            "blank_images": rows.blank_images,
        }
        features.write_description(self.folder, self.pictures.image_ids, description)
        (self.folder / partial_rows.PROGRESS).unlink()
        # Known from now on, so that damage is noticed.
        features.read_stored(self.folder).checksum()
        return {**description, "seconds": time.monotonic() - started}

    @functools.cached_property
    def _settings(self) -> dict:
        return {
            "model": self.cnn.model_name,
            "layer": self.cnn.layer,
            "weights": self.cnn.weights,
            "weights_sha256": self.cnn.weights_sha256,
            "crops": self.crops,
            "input_size": self.cnn.input_size,
            "images": len(self.pictures.image_ids),
            "image_ids_sha256": features.image_ids_sha256(self.pictures.image_ids),
        }

    @functools.cached_property
    def _finished(self) -> dict | None:
        return finished_features.whole_features(self.folder, self._settings, self.pictures.image_ids)

    @functools.cached_property
    def _lacks_cnn(self) -> bool:
        return self.cnn.is_saved and not finished_features.holds_cnn(self.folder)

    @functools.cached_property
    def _model(self):
        return self.cnn.build()

    def _check_files(self) -> None:
        missing = [path for path in self.pictures.paths if not path.is_file()]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(self.pictures.paths)} pictures are not there, such as {missing[0]}; restore "
                "them or run data_prep.prepare again"
            )

    def _fill(self, rows: PartialRows, cnn: Cnn) -> None:
        """Adds the rows that are not there yet."""
        remaining = iter(self.pictures.image_ids[rows.rows :])
        batches = stream_features(cnn, self.pictures.paths[rows.rows :], self.image_batch, self.max_pixels)
        bar = progress.progress_bar(len(self.pictures.paths), "image", self.folder.name, rows.rows)
        with contextlib.closing(batches), bar, rows.open():
            saved = time.monotonic()
            for batch in batches:
                image_ids = list(itertools.islice(remaining, len(batch.rows)))
                if batch.failures and self.on_corrupt == "refuse":
                    reason = next(iter(batch.failures.values()))
                    raise DataError(f"{reason}; mend it, or give --on_corrupt=blank to let a grey picture stand for it")
                # What is too large for a grid's float16 becomes infinite.
                with np.errstate(over="ignore"):
                    stored = batch.rows.astype(rows.dtype)
                if not np.isfinite(stored).all():
                    raise DataError(
                        f"{self.folder.name} gives values that are not finite as {rows.dtype}; check its weights"
                    )
                rows.append(stored, [image_ids[place] for place in batch.failures])
                bar.update(len(batch.rows))
                if time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                    rows.save()
                    saved = time.monotonic()


def extract(
    cnn: CnnDescription,
    pictures: Pictures,
    folder: pathlib.Path,
    crops: int,
    image_batch: int,
    on_corrupt: str,
    max_pixels: int = MAX_PIXELS,
) -> dict:
    """Runs one `Extraction`, whose attributes these are."""
    return Extraction(cnn, pictures, folder, crops, image_batch, on_corrupt, max_pixels).run()
