"""features/<name>/: CNN features of every image, one row an image, of which only rows are read.

A row is one vector (`read_features`), or a grid: a vector for each of some cells or regions of the image (`read_grid`).
"""

import collections
import contextlib
import dataclasses
import functools
import hashlib
import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from cmr.errors import WorkspaceError
from cmr.workspace import feature_names, fingerprints, json_files, line_files, shards
from cmr.workspace.fingerprints import Fingerprint, Projecting
from cmr.workspace.json_kinds import ByName, Listed, Nullable, OneOf, Record, Sha256, Text, Whole
from cmr.workspace.stored_rows import StoredRows

FEATURES_NPY = "features.npy"
IMAGE_IDS_TXT = "image_ids.txt"
EXTRACTOR_JSON = "extractor.json"
CHECKED_JSON = "checked.json"

# 16 MB of float32 at once.
_BLOCK_VALUES = 2**22

# Of all that is made of pictures; older versions did not tell these from others of their names.
PICTURES_SHA256 = "pictures_sha256"

# Features put there by hand, or by older versions, may say no more than what a run's table needs.
_EXTRACTOR = Record(
    {"name": Text(), "model": Text(), "stand_in": Text()},
    optional={
        "layer": Text(),
        "weights": Text(),
        "weights_sha256": Text(),
        "crops": Nullable(OneOf((1, 10))),
        "input_size": Nullable(Whole(at_least=1)),
        "feature_dim": Whole(at_least=1),
        "cells": Whole(at_least=1),
        "images": Whole(at_least=1),
        "image_ids_sha256": Sha256(),
        PICTURES_SHA256: Sha256(),
        "blank_images": Listed(Text()),
        "sources": ByName(Text()),
    },
)
_CHECKED = Record({**fingerprints.KIND.required, "stamps": ByName(Listed(Whole()))}, fingerprints.KIND.optional)


@dataclasses.dataclass(frozen=True)
class Features:
    """One extractor's features.

    Attributes:
      path: the folder `features/<name>`.
      array: on the disk: `[num_images, feature_dim]` float32, or of a grid `[num_images, cells, feature_dim]` float16.
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
        return self.array.shape[-1]

    @property
    def cells(self) -> int | None:
        """Vectors of an image in a grid; None of features without positions."""
        return self.array.shape[1] if len(self.array.shape) == 3 else None

    def of_kind(self, is_grid: bool) -> "Features":
        """Itself, where it is a grid or one vector an image as asked for.

        Raises:
          WorkspaceError: it is of the other kind.
        """
        if self.cells is not None and not is_grid:
            raise WorkspaceError(
                f"{self.path} is a grid, {self.cells} vectors an image, and one vector an image is read here; choose "
                "features without positions"
            )
        if self.cells is None and is_grid:
            raise WorkspaceError(
                f"{self.path} holds one vector an image, and a grid is read here; make one with data_prep.extract "
                "--grid, or import regions"
            )
        return self

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
                "run data_prep.extract (or import_features) again"
            )
        return np.array([self._row_of[image_id] for image_id in image_ids], np.int64)

    def checksum(self) -> str:
        """SHA-256 of image_ids.txt and features.npy; see `fingerprint`."""
        return self.fingerprint().sha256

    def fingerprint(self) -> Fingerprint:
        """The checksum and what tells rounding from other features; every value is checked on the way.

        It is kept in checked.json and computed again when a file's size or time of change is another: MSCOCO's features
        are 3 GB.

        Raises:
          WorkspaceError: a value is NaN or infinite, which training would spread to every weight.
        """
        path = self.path / CHECKED_JSON
        stamps = self._stamps()
        # What can't be read is computed again.
        with contextlib.suppress(WorkspaceError):
            kept = json_files.read_workspace_json(path, _CHECKED, _mend(self.path))
            found = Fingerprint.from_dict(kept)
            if kept["stamps"] == stamps and found.is_whole:
                return found
        found = self._checked()
        # A workspace that may only be read is checked each time.
        with contextlib.suppress(OSError):
            json_files.write_json(path, {**found.to_dict(), "stamps": stamps})
        return found

    def _stamps(self) -> dict[str, list[int]]:
        stats = {name: (self.path / name).stat() for name in (IMAGE_IDS_TXT, FEATURES_NPY)}
        return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}

    def _checked(self) -> Fingerprint:
        digest = hashlib.sha256((self.path / IMAGE_IDS_TXT).read_bytes())
        digest.update(self.array.header())
        projecting = Projecting(math.prod(self.array.shape[1:]))
        block_rows = block_rows_of(self.array.shape[1:])
        for start in range(0, len(self.array), block_rows):
            block = self.array[start : start + block_rows]
            broken = np.flatnonzero(~np.isfinite(block.reshape(len(block), -1)).all(axis=1))
            if len(broken):
                raise WorkspaceError(
                    f"{self.path / FEATURES_NPY} holds NaN or infinite values, first for image "
                    f"{self.image_ids[start + broken[0]]}; {_mend(self.path)}"
                )
            digest.update(block)
            projecting.add(self.image_ids[start : start + block_rows], block)
        return projecting.fingerprint(digest.hexdigest())


def read_features(path: str | os.PathLike) -> Features:
    """Opens `features/<name>` of one vector an image.

    Raises:
      WorkspaceError: a file is missing or damaged, the array is not float32 `[len(image_ids), feature_dim]`, or
        extractor.json describes others.
    """
    return read_stored(path).of_kind(is_grid=False)


def read_grid(path: str | os.PathLike) -> Features:
    """Opens `features/<name>` with positions: a vector for each cell, or region, of an image.

    Raises:
      WorkspaceError: as `read_features`, of float16 `[len(image_ids), cells, feature_dim]`.
    """
    return read_stored(path).of_kind(is_grid=True)


def read_stored(path: str | os.PathLike) -> Features:
    """Opens `features/<name>` of either kind.

    Raises:
      WorkspaceError: as `read_features` and `read_grid`.
    """
    path = pathlib.Path(path)
    for name in (FEATURES_NPY, IMAGE_IDS_TXT, EXTRACTOR_JSON):
        if not (path / name).exists():
            if shards.begun(path):
                raise WorkspaceError(
                    f"{path / name} is missing, and there are shards in {path / shards.SHARDS}; run their "
                    "data_prep.extract command with --merge in the place of --shard"
                )
            made = sorted(folder.name for folder in path.parent.glob("*") if (folder / EXTRACTOR_JSON).exists())
            extract = " ".join(["data_prep.extract", *feature_names.extract_flags(path.name)])
            raise WorkspaceError(
                f"{path / name} is missing; run {extract} (or import_features) for it, or choose among "
                f"the features made so far: {', '.join(made) or 'none'}"
            )
    extractor = read_extractor(path)
    image_ids = tuple(line_files.read_lines(path / IMAGE_IDS_TXT, WorkspaceError, _mend(path)))
    try:
        array = StoredRows(path / FEATURES_NPY)
    except ValueError as error:
        raise WorkspaceError(f"{path / FEATURES_NPY} can't be read ({error}); {_mend(path)}") from error
    if dtype_of(array.shape[1:]) != array.dtype or len(array) != len(image_ids):
        raise WorkspaceError(
            f"{path / FEATURES_NPY} is {array.dtype} {list(array.shape)} beside {len(image_ids)} image ids, "
            f"not float32 [images, feature_dim] or float16 [images, cells, feature_dim]; {_mend(path)}"
        )
    _check_described(path, extractor, array, image_ids)
    return Features(path, array, image_ids, extractor)


def _check_described(path: pathlib.Path, extractor: dict, array: StoredRows, image_ids: Sequence[str]) -> None:
    image_id, count = collections.Counter(image_ids).most_common(1)[0] if image_ids else ("", 0)
    if count > 1:
        raise WorkspaceError(f"{path / IMAGE_IDS_TXT} names {image_id} {count} times; {_mend(path)}")
    *cells, feature_dim = array.shape[1:]
    is_there = {
        "images": len(array),
        "cells": cells[0] if cells else None,
        "feature_dim": feature_dim,
        "image_ids_sha256": image_ids_sha256(image_ids),
    }
    for key, value in is_there.items():
        described = extractor.get(key, value)
        if described != value:
            raise WorkspaceError(
                f"{path / EXTRACTOR_JSON} says {key} {described}, but {path.name} has {value}; {_mend(path)}"
            )


def read_extractor(path: pathlib.Path) -> dict:
    """Reads extractor.json, which says where the features of a folder come from.

    Raises:
      WorkspaceError: it is missing or damaged.
    """
    return json_files.read_workspace_json(path / EXTRACTOR_JSON, _EXTRACTOR, _mend(path))


def _mend(path: pathlib.Path) -> str:
    # Features that say that they are whole are not extracted again.
    return f"run data_prep.extract (or import_features) again for {path}"


def dtype_of(row_shape: tuple[int, ...]) -> np.dtype | None:
    """How rows of this shape are stored; None where no features have such rows.

    A grid is many times as large as a vector an image, so it is stored in half the bytes.
    """
    return {1: np.dtype("<f4"), 2: np.dtype("<f2")}.get(len(row_shape))


def block_rows_of(row_shape: tuple[int, ...]) -> int:
    """Rows of this shape that are held in memory at once when an array is read or written by blocks."""
    return max(1, _BLOCK_VALUES // math.prod(row_shape))


def image_ids_sha256(image_ids: Sequence[str]) -> str:
    """extractor.json's sum of the rows' images."""
    return hashlib.sha256("\n".join(image_ids).encode("utf-8")).hexdigest()


def write_description(path: pathlib.Path, image_ids: Sequence[str], extractor: dict) -> None:
    """Writes image_ids.txt, then extractor.json, whose presence means that features.npy is whole."""
    line_files.write_lines(path / IMAGE_IDS_TXT, image_ids, "image id")
    json_files.write_json(path / EXTRACTOR_JSON, extractor, sort_keys=True)
