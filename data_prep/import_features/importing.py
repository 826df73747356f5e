"""Writes features computed elsewhere into the workspace, one row for each of its images."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from cmr import progress
from cmr.errors import ConfigError, DataError
from cmr.workspace import atomic_files, captions, checksums, features, mapped, names
from cmr.workspace.features import Features
from cmr.workspace.paths import Workspace, is_plain_name
from cmr.workspace.writer_lock import writer_lock
from data_prep import disk_space
from data_prep.import_features import files, layout, matching
from data_prep.import_features.files import FeatureFile
from data_prep.import_features.matching import Matching


@dataclasses.dataclass(frozen=True)
class ImportReport:
    """What an import read and wrote.

    Attributes:
      written: the workspace's features, as training reads them.
      parts: the files, in the order in which they were joined.
      layouts: for each part, whether its images are columns.
      num_rows: rows (or columns) of all parts.
      matching: which listed name is which image, and by which rule.
      dropped: listed images that the workspace does not have.
    """

    written: Features
    parts: tuple[FeatureFile, ...]
    layouts: tuple[bool, ...]
    num_rows: int
    matching: Matching
    dropped: tuple[str, ...]

    def __str__(self) -> str:
        lines = []
        for part, in_columns in zip(self.parts, self.layouts, strict=True):
            image = "a row" if not in_columns else "a column"
            by = f"an image {image} by the ids" if not part.image_ids else "a vector an image, named by it"
            lines.append(f"{part.label}: {part.dtype} {list(part.shape)}, {by}")
        array = self.written.array
        lines.append(
            f"{self.num_rows} rows read, {len(array)} images of the workspace matched: all of them have a row "
            f"({self.matching})"
        )
        if self.dropped:
            dropped = names.visible(self.dropped[0])
            lines.append(f"{len(self.dropped)} listed images not in the workspace: dropped, such as {dropped}")
        return "\n".join([*lines, f"wrote {self.written.path}: {array.dtype} {list(array.shape)}"])


def import_features(
    workspace: Workspace,
    paths: Sequence[str | os.PathLike],
    image_id_paths: Sequence[str | os.PathLike],
    name: str,
    *,
    variable: str = "",
    rows: str = "auto",
    stand_in: str = "",
    overwrite: bool = False,
) -> ImportReport:
    """Writes features computed elsewhere to `features/<name>`, one row for each image of the workspace.

    Args:
      workspace: a prepared data set.
      paths: files or folders (see `files.describe`), each `[rows, feature_dim]` or `[feature_dim, rows]`, or with
        regions `[rows, regions, feature_dim]` (SCAN's), joined in this order.
      image_id_paths: id lists (see `image_ids.read_image_ids`), one for each of `paths` or one for all; none for files
        that name their images themselves.
      name: the folder under features/.
      variable: name of the array in .npz and .mat files; "" for their only one.
      rows: "image", "caption" (an image's row once for each sentence) or "auto" (by whether ids repeat).
      stand_in: what the features stand in for, or "".
      overwrite: replace features of this name. The old ones stay whole until the new ones are.

    Raises:
      DataError: a file is damaged, or rows, ids and the workspace's images don't fit each other.
      ConfigError: the name can't be used, scipy is not installed, or the numbers of files don't fit.
      WorkspaceError: the data set is not prepared.
    """
    workspace.read_description()
    folder = _folder(workspace, name, overwrite)
    images = captions.images_of(captions.read_captions(workspace.captions_csv))
    parts = tuple(files.describe(path, variable) for path in paths)
    layouts, ids_of_rows = layout.rows_of(parts, image_id_paths, rows)
    matched = matching.match_images(ids_of_rows, images)
    image_of = matched.image_of
    row_of = {image_id: row for row, image_id in enumerate(images["image_id"])}
    missing = row_of.keys() - image_of.values()
    if missing:
        first = min(missing, key=row_of.get)
        near = matching.near_misses(first, ids_of_rows)
        other = f", {names.visible(near[0])} being in another folder" if near else ""
        raise DataError(
            f"{len(missing)} of the {len(row_of)} images of {workspace.captions_csv} have no row, such as "
            f"{names.visible(first)}{other}; the id list goes like {names.visible(ids_of_rows[0])}: give --image_ids "
            "that name every image, in the order of the rows"
        )
    targets = np.array([row_of[image_of[name]] if name in image_of else -1 for name in ids_of_rows], np.int64)
    row_shape = parts[0].row_shape(layouts[0])
    extractor = {
        "name": name,
        "model": "",
        "layer": "",
        "weights": "imported",
        "weights_sha256": "",
        "crops": None,
        "input_size": None,
        "feature_dim": row_shape[-1],
        **({"cells": row_shape[0]} if len(row_shape) == 2 else {}),
        "images": len(images),
        "stand_in": stand_in,
        "blank_images": [],
        "sources": {str(path): checksums.files_sha256(_files_of(path)) for path in (*paths, *image_id_paths)},
    }
    with writer_lock(folder):
        # Another import may have made it meanwhile.
        _folder(workspace, name, overwrite)
        _write_rows(folder, parts, layouts, targets, list(row_of))
        features.write_description(folder, list(row_of), extractor)
    dropped = tuple(dict.fromkeys(name for name in ids_of_rows if name not in image_of))
    return ImportReport(features.read_stored(folder), parts, layouts, len(ids_of_rows), matched, dropped)


def _files_of(path: str | os.PathLike) -> list[pathlib.Path]:
    path = pathlib.Path(path)
    return sorted(path.rglob("*.npy")) if path.is_dir() else [path]


def _folder(workspace: Workspace, name: str, overwrite: bool) -> pathlib.Path:
    if not is_plain_name(name):
        raise ConfigError(f"--features_name={name} is not a plain folder name of letters, digits, _, -, + and .")
    folder = workspace.features_dir(name)
    if (folder / f"{features.FEATURES_NPY}.partial").exists():
        raise ConfigError(f"{folder} holds a half-done extraction; choose another --features_name")
    if (folder / features.EXTRACTOR_JSON).exists() and not overwrite:
        raise ConfigError(f"{folder} exists; --overwrite replaces it, another --features_name keeps it")
    return folder


def _write_rows(
    folder: pathlib.Path,
    parts: Sequence[FeatureFile],
    layouts: Sequence[bool],
    targets: np.ndarray,
    workspace_ids: Sequence[str],
) -> None:
    """Writes features.npy: row i of all parts to `targets[i]`, `[rows]` int64, -1 for nowhere."""
    row_shape = parts[0].row_shape(layouts[0])
    shape, dtype = (len(workspace_ids), *row_shape), features.dtype_of(row_shape)
    disk_space.require(
        folder, dtype.itemsize * math.prod(shape), f"write {folder / features.FEATURES_NPY}", "--workspace_dir"
    )
    is_first = np.zeros(len(targets), bool)
    is_first[np.unique(targets, return_index=True)[1]] = True
    with (
        atomic_files.atomic_path(folder / features.FEATURES_NPY) as temporary,
        progress.progress_bar(len(targets), "rows", "importing") as bar,
    ):
        array = None
        start = 0
        blocks = ((part, block) for part, layout in zip(parts, layouts, strict=True) for block in part.blocks(layout))
        for part, block in blocks:
            if array is None:
                # Not before something could be read.
                _reserve(temporary, shape, dtype)
                array = np.lib.format.open_memmap(temporary, mode="r+")
            rows = slice(start, start + len(block))
            wanted = targets[rows] >= 0
            target, first = targets[rows][wanted], is_first[rows][wanted]
            # What is too large for a grid's float16 becomes infinite.
            with np.errstate(over="ignore"):
                collected = block[wanted].astype(dtype)
            axes = tuple(range(1, collected.ndim))
            bad = ~np.isfinite(collected).all(axis=axes)
            if bad.any():
                image_id = workspace_ids[target[bad.argmax()]]
                raise DataError(
                    f"{part.label} holds NaN or infinite values (as {dtype}) for {image_id}; compute them again"
                )
            array[target[first]] = collected[first]
            differs = (array[target] != collected).any(axis=axes)
            if differs.any():
                image_id = workspace_ids[target[differs.argmax()]]
                raise DataError(
                    f"{part.label} has different rows for {image_id}, which must be equal: the id list is in another "
                    "order, or the rows are not features of whole images"
                )
            start = rows.stop
            mapped.let_go(array)
            bar.update(len(block))
        array.flush()
        # Until the new description is written, a killed run must not leave the old one beside the new array.
        (folder / features.EXTRACTOR_JSON).unlink(missing_ok=True)


def _reserve(path: pathlib.Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Writes a .npy of zeros: on a full disk that is an error, where writing to a memory map kills the process."""
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype.str, "fortran_order": False, "shape": shape})
        for _ in range(shape[0]):
            file.write(bytes(dtype.itemsize * math.prod(shape[1:])))
