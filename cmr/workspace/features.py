"""features/<name>/: CNN features of every image, one row an image, of which only rows are read."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from cmr.errors import WorkspaceError
from cmr.workspace import atomic_files, json_files, line_files
from cmr.workspace.stored_rows import StoredRows

FEATURES_NPY = "features.npy"
IMAGE_IDS_TXT = "image_ids.txt"
EXTRACTOR_JSON = "extractor.json"
CHECKED_JSON = "checked.json"

_MEND = "run data_prep.extract (or import_features) again"

# 16 MB of 4096-d features at once.
_BLOCK_ROWS = 1024


@dataclasses.dataclass(frozen=True)
class Features:
    """One extractor's features.

    Attributes:
      path: the folder `features/<name>`.
      array: `[num_images, feature_dim]` float32, on the disk.
      image_ids: the image of each row.
      extractor: what extractor.json says of their origin.
    """

    path: pathlib.Path
    array: StoredRows
    image_ids: tuple[str, ...]
    extractor: dict

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def feature_dim(self) -> int:
        return self.array.shape[1]

    @functools.cached_property
    def _row_of(self) -> dict[str, int]:
        return {image_id: row for row, image_id in enumerate(self.image_ids)}

    def rows(self, image_ids: Sequence[str]) -> np.ndarray:
        """Row numbers of images: `[len(image_ids)]` int64.

        Raises:
          WorkspaceError: an image has no row.
        """
        missing = [image_id for image_id in image_ids if image_id not in self._row_of]
        if missing:
            raise WorkspaceError(
                f"{self.path} has no row for {len(missing)} of {len(image_ids)} images, such as {missing[0]}; "
                "run data_prep.extract again"
            )
        return np.array([self._row_of[image_id] for image_id in image_ids], np.int64)

    def checksum(self) -> str:
        """SHA-256 of image_ids.txt and features.npy, every value of which is checked on the way.

        It is kept in checked.json and computed again when a file's size or time of change is another: MSCOCO's features
        are 3 GB.

        Raises:
          WorkspaceError: a value is NaN or infinite, which training would spread to every weight.
        """
        path = self.path / CHECKED_JSON
        stamps = self._stamps()
        # What can't be read is computed again.
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["stamps"] == stamps:
                return kept["sha256"]
        digest = self._checked_digest()
        # A workspace that may only be read is checked each time.
        with contextlib.suppress(OSError):
            atomic_files.write_text(path, json.dumps({"sha256": digest, "stamps": stamps}, indent=2) + "\n")
        return digest

    def _stamps(self) -> dict[str, list[int]]:
        stats = {name: (self.path / name).stat() for name in (IMAGE_IDS_TXT, FEATURES_NPY)}
        return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}

    def _checked_digest(self) -> str:
        digest = hashlib.sha256((self.path / IMAGE_IDS_TXT).read_bytes())
        digest.update(self.array.header())
        for start in range(0, len(self.array), _BLOCK_ROWS):
            block = self.array[start : start + _BLOCK_ROWS]
            broken = np.flatnonzero(~np.isfinite(block).all(axis=1))
            if len(broken):
                raise WorkspaceError(
                    f"{self.path / FEATURES_NPY} holds NaN or infinite values, first for image "
                    f"{self.image_ids[start + broken[0]]}; run data_prep.extract again"
                )
            digest.update(block)
        return digest.hexdigest()


def read_features(path: str | os.PathLike) -> Features:
    """Opens `features/<name>`.

    Raises:
      WorkspaceError: a file is missing, or the array is not float32 `[len(image_ids), feature_dim]`.
    """
    path = pathlib.Path(path)
    for name in (FEATURES_NPY, IMAGE_IDS_TXT, EXTRACTOR_JSON):
        if not (path / name).exists():
            made = sorted(folder.name for folder in path.parent.glob("*") if (folder / EXTRACTOR_JSON).exists())
            raise WorkspaceError(
                f"{path / name} is missing; run data_prep.extract (or import_features) for it, or choose among "
                f"the features made so far: {', '.join(made) or 'none'}"
            )
    try:
        array = StoredRows(path / FEATURES_NPY)
        extractor = json.loads((path / EXTRACTOR_JSON).read_text(encoding="utf-8"))
    except (ValueError, EOFError) as error:
        raise WorkspaceError(f"{path} can't be read ({error}); run data_prep.extract again") from error
    image_ids = tuple(line_files.read_lines(path / IMAGE_IDS_TXT, WorkspaceError, _MEND))
    if array.dtype != np.float32 or len(array) != len(image_ids):
        raise WorkspaceError(
            f"{path / FEATURES_NPY} is {array.dtype} {list(array.shape)} beside {len(image_ids)} image ids, "
            "not float32 [images, feature_dim]; run data_prep.extract again"
        )
    return Features(path, array, image_ids, extractor)


def write_description(path: pathlib.Path, image_ids: Sequence[str], extractor: dict) -> None:
    """Writes image_ids.txt, then extractor.json, whose presence means that features.npy is whole."""
    line_files.write_lines(path / IMAGE_IDS_TXT, image_ids, "image id")
    json_files.write_json(path / EXTRACTOR_JSON, extractor, sort_keys=True)
