"""Runs a CNN over the images of a data set: in batches, within bounded memory, and on from where it was stopped."""

import dataclasses
import functools
import pathlib
import time
from collections.abc import Callable, Sequence

from cmr.config import MAX_PIXELS
from cmr.errors import DataError
from cmr.pictures import row_filling
from cmr.pictures.cnn import Cnn, write_cnn
from cmr.pipelines import work
from cmr.pipelines.runners import Runner
from cmr.workspace import checksums, features
from cmr.workspace.partial_rows import PartialRows
from cmr.workspace.shards import Shard
from data_prep.extract import finished_features
from data_prep.extract.cnn_description import CnnDescription


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
      shard: that the images are of; None where they are all.
      runner: the engine whose workers run the CNN; None: this process does.
    """

    cnn: CnnDescription
    pictures: Pictures
    folder: pathlib.Path
    crops: int
    image_batch: int
    on_corrupt: str
    max_pixels: int = MAX_PIXELS
    shard: Shard | None = None
    runner: Runner | None = None

    def prepare(self) -> None:
        """Does all that can fail before the CNN runs, and writes nothing: looks at the pictures, builds the CNN.

        Raises:
          DataError: pictures are missing; or, with `refuse`, a grey one stands for some in features that are there.
          WorkspaceError: the weights are missing or do not fit.
        """
        if self._finished is None:
            self._check_files()
        elif self._finished["blank_images"] and self.on_corrupt != "blank":
            first, *others = self._finished["blank_images"]
            reason = f"{first} couldn't be read when {self.folder} was extracted"
            raise row_filling.unreadable(reason, self.on_corrupt, 1 + len(others))
        if self._finished is None or self._lacks_cnn:
            _ = self._model

    def prepare_cnn(self) -> None:
        """Builds the CNN, where the folder shall have it.

        Raises:
          WorkspaceError: the weights are missing or do not fit.
        """
        if self.cnn.is_saved:
            _ = self._model

    @property
    def is_finished(self) -> bool:
        """Whether whole features of these settings are there."""
        return self._finished is not None

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
        cnn = Cnn(self._model, self.crops)
        image_ids, paths = self.pictures.image_ids, self.pictures.paths

        def run_cnn(rows: PartialRows) -> None:
            if self.runner is not None:
                from data_prep.extract import pipeline

                pipeline.fill_rows(rows, self, cnn)
                return
            row_filling.fill_rows(
                rows, cnn, image_ids, paths, self._title, self.image_batch, self.max_pixels, self.on_corrupt
            )

        return self.write(cnn.row_shape, run_cnn)

    def write(self, row_shape: tuple[int, ...], fill: Callable[[PartialRows], None]) -> dict:
        """Writes the folder from rows that come from anywhere.

        Args:
          row_shape: of a picture's features: `(feature_dim,)`, or of a grid `(cells, feature_dim)`.
          fill: adds the rows that are not there yet.

        Returns:
          As `run`.
        """
        started = time.monotonic()
        image_ids, dtype = self.pictures.image_ids, features.dtype_of(row_shape)
        rows = PartialRows(self.folder / features.FEATURES_NPY, self.settings, image_ids, row_shape, dtype)
        fill(rows)
        # From here to the end the folder holds neither an old description nor a half new one.
        for name in (features.EXTRACTOR_JSON, features.CHECKED_JSON):
            (self.folder / name).unlink(missing_ok=True)
        if self.cnn.is_saved:
            write_cnn(self.folder, self._model)
        rows.finish()
        description = {
            "name": self.folder.name,
            **self.settings,
            **self._of_pictures,
            "feature_dim": row_shape[-1],
            **({"cells": row_shape[0]} if len(row_shape) == 2 else {}),
            "stand_in": self.cnn.stand_in,
            "blank_images": rows.blank_images,
        }
        features.write_description(self.folder, image_ids, description)
        rows.forget()
        work.remove(self.folder)
        # Known from now on, so that damage is noticed.
        features.read_stored(self.folder).checksum()
        return {**description, "seconds": time.monotonic() - started}

    @property
    def of_cnn(self) -> dict:
        """What extractor.json says of the CNN, the same whatever the images are."""
        return {
            "model": self.cnn.model_name,
            "layer": self.cnn.layer,
            "weights": self.cnn.weights,
            "weights_sha256": self.cnn.weights_sha256,
            "crops": self.crops,
            "input_size": self.cnn.input_size,
        }

    @functools.cached_property
    def settings(self) -> dict:
        """What extractor.json says of the CNN and the images."""
        return {
            **self.of_cnn,
            "images": len(self.pictures.image_ids),
            "image_ids_sha256": features.image_ids_sha256(self.pictures.image_ids),
        }

    @functools.cached_property
    def _of_pictures(self) -> dict:
        """What tells the pictures from others of the same names; nothing where they are not there any more.

        It is no setting: an extraction that one picture has stopped goes on once that is mended.
        """
        try:
            return {features.PICTURES_SHA256: checksums.files_fingerprint(self.pictures.paths)}
        except OSError:
            return {}

    @functools.cached_property
    def _finished(self) -> dict | None:
        known = {**self.settings, **self._of_pictures}
        return finished_features.whole_features(self.folder, known, self.pictures.image_ids)

    @functools.cached_property
    def _lacks_cnn(self) -> bool:
        return self.cnn.is_saved and not finished_features.holds_cnn(self.folder)

    @property
    def _title(self) -> str:
        # The folder of a shard is named like those of other CNNs.
        return self.folder.name if self.shard is None else f"{self.folder.parent.parent.name} {self.shard}"

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


def extract(
    cnn: CnnDescription,
    pictures: Pictures,
    folder: pathlib.Path,
    crops: int,
    image_batch: int,
    on_corrupt: str,
    max_pixels: int = MAX_PIXELS,
    runner: Runner | None = None,
) -> dict:
    """Runs one `Extraction`, whose attributes these are."""
    return Extraction(cnn, pictures, folder, crops, image_batch, on_corrupt, max_pixels, runner=runner).run()
