"""Writes features computed elsewhere into the workspace, one row for each of its images."""

import collections
import dataclasses
import itertools
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from cmr import progress
from cmr.errors import ConfigError, DataError
from cmr.workspace import atomic_files, captions, checksums, features
from cmr.workspace.features import Features
from cmr.workspace.paths import Workspace, is_plain_name
from cmr.workspace.writer_lock import writer_lock
from data_prep.import_features import files, matching
from data_prep.import_features.files import FeatureFile


@dataclasses.dataclass(frozen=True)
class ImportReport:
    """What an import read and wrote.

    Attributes:
      written: the workspace's features, as training reads them.
      parts: the files, in the order in which they were joined.
      layouts: for each part, whether its images are columns.
      num_rows: rows (or columns) of all parts.
      dropped: listed images that the workspace does not have.
    """

    written: Features
    parts: tuple[FeatureFile, ...]
    layouts: tuple[bool, ...]
    num_rows: int
    dropped: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"{part.label}: {part.dtype} {list(part.shape)}, an image a {'column' if in_columns else 'row'} by the ids"
            for part, in_columns in zip(self.parts, self.layouts, strict=True)
        ]
        images, dim = self.written.array.shape
        lines.append(f"{self.num_rows} rows read, {images} images of the workspace matched: all of them have a row")
        if self.dropped:
            lines.append(f"{len(self.dropped)} listed images not in the workspace: dropped, such as {self.dropped[0]}")
        return "\n".join([*lines, f"wrote {self.written.path}: float32 [{images}, {dim}]"])


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
      paths: .npy, .npz or .mat files, each `[rows, feature_dim]` or `[feature_dim, rows]`, joined in this order.
      image_id_paths: id lists (see `files.read_image_ids`), one for each of `paths` or one for all.
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
    listed = [files.read_image_ids(path) for path in image_id_paths]
    if len(listed) not in (1, len(parts)):
        raise ConfigError(
            f"--image_ids names {len(listed)} files and --features {len(parts)}; give a list for each, or one for all"
        )
    layouts, ids_of_rows = _lay_out(parts, listed, rows)
    image_of = matching.match_images(ids_of_rows, images)
    row_of = {image_id: row for row, image_id in enumerate(images["image_id"])}
    missing = row_of.keys() - image_of.values()
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(row_of)} images of {workspace.captions_csv} have no row, such as "
            f"{min(missing, key=row_of.get)}; the id list goes like {ids_of_rows[0]}"
        )
    targets = np.array([row_of[image_of[name]] if name in image_of else -1 for name in ids_of_rows], np.int64)
    extractor = {
        "name": name,
        "model": "",
        "layer": "",
        "weights": "imported",
        "weights_sha256": "",
        "crops": None,
        "input_size": None,
        "feature_dim": parts[0].shape[not layouts[0]],
        "images": len(images),
        "stand_in": stand_in,
        "blank_images": [],
        "sources": {str(path): checksums.files_sha256([path]) for path in (*paths, *image_id_paths)},
    }
    with writer_lock(folder):
        # Another import may have made it meanwhile.
        _folder(workspace, name, overwrite)
        _write_rows(folder, parts, layouts, targets, list(row_of))
        features.write_description(folder, list(row_of), extractor)
    dropped = tuple(dict.fromkeys(name for name in ids_of_rows if name not in image_of))
    return ImportReport(features.read_features(folder), parts, layouts, len(ids_of_rows), dropped)


def _folder(workspace: Workspace, name: str, overwrite: bool) -> pathlib.Path:
    if not is_plain_name(name):
        raise ConfigError(f"--features_name={name} is not a plain folder name of letters, digits, _, -, + and .")
    folder = workspace.features_dir(name)
    if (folder / f"{features.FEATURES_NPY}.partial").exists():
        raise ConfigError(f"{folder} holds a half-done extraction; choose another --features_name")
    if (folder / features.EXTRACTOR_JSON).exists() and not overwrite:
        raise ConfigError(f"{folder} exists; --overwrite replaces it, another --features_name keeps it")
    return folder


def _lay_out(
    parts: Sequence[FeatureFile], listed: Sequence[list[str]], rows: str
) -> tuple[tuple[bool, ...], list[str]]:
    """Whether images are the columns, for each part, and the listed id of every row of all parts."""
    shapes = ", ".join(f"{part.label} {list(part.shape)}" for part in parts)
    counts = ", ".join(str(len(ids)) for ids in listed)
    fit = _fit(parts, listed, repeat=rows == "caption")
    if fit is None and rows == "auto" and _fit(parts, listed, repeat=True):
        raise DataError(
            f"{shapes} holds several rows for each of {counts} image ids; say --rows=caption if an image's row stands "
            "once for each of its sentences"
        )
    if fit is None:
        raise DataError(f"{shapes} does not fit the number of image ids, {counts}; list the images of its rows")
    name, count = collections.Counter(fit[1]).most_common(1)[0]
    if rows == "image" and count > 1:
        raise DataError(f"the id list names {name} {count} times; --rows=caption takes one row a sentence")
    return fit


def _fit(
    parts: Sequence[FeatureFile], listed: Sequence[list[str]], repeat: bool
) -> tuple[tuple[bool, ...], list[str]] | None:
    # Where both ways fit, a .mat file stands as Karpathy's do and the others as VSE's.
    mat_first = parts[0].path.suffix.lower() == ".mat"
    for first_in_columns in (mat_first, not mat_first):
        dim = parts[0].shape[not first_in_columns]
        if any(dim not in part.shape for part in parts):
            continue
        layout = tuple(first_in_columns ^ (part.shape[not first_in_columns] != dim) for part in parts)
        counts = [part.shape[in_columns] for part, in_columns in zip(parts, layout, strict=True)]
        counts = counts if len(listed) == len(parts) else [sum(counts)]
        ids = [_ids_of_rows(count, ids, repeat) for count, ids in zip(counts, listed, strict=True)]
        if None not in ids:
            return layout, list(itertools.chain.from_iterable(ids))
    return None


def _ids_of_rows(num_rows: int, ids: list[str], repeat: bool) -> list[str] | None:
    """The id of each row, or None where `num_rows` doesn't fit."""
    if num_rows == len(ids):
        return ids
    once = list(dict.fromkeys(ids))
    if num_rows == len(once):
        return once
    if repeat and num_rows % len(once) == 0 and len(once) == len(ids):
        return [name for name in ids for _ in range(num_rows // len(ids))]
    return None


def _write_rows(
    folder: pathlib.Path,
    parts: Sequence[FeatureFile],
    layouts: Sequence[bool],
    targets: np.ndarray,
    image_ids: Sequence[str],
) -> None:
    """Writes features.npy: row i of all parts to `targets[i]`, `[rows]` int64, -1 for nowhere."""
    is_first = np.zeros(len(targets), bool)
    is_first[np.unique(targets, return_index=True)[1]] = True
    with (
        atomic_files.atomic_path(folder / features.FEATURES_NPY) as temporary,
        progress.progress_bar(len(targets), "rows", "importing") as bar,
    ):
        _reserve(temporary, (len(image_ids), parts[0].shape[not layouts[0]]))
        array = np.lib.format.open_memmap(temporary, mode="r+")
        start = 0
        blocks = ((part, block) for part, layout in zip(parts, layouts, strict=True) for block in part.blocks(layout))
        for part, block in blocks:
            rows = slice(start, start + len(block))
            wanted = targets[rows] >= 0
            target, first, collected = targets[rows][wanted], is_first[rows][wanted], block[wanted]
            bad = ~np.isfinite(collected).all(axis=1)
            if bad.any():
                image_id = image_ids[target[bad.argmax()]]
                raise DataError(f"{part.label} holds NaN or infinite values (as float32) for {image_id}")
            array[target[first]] = collected[first]
            differs = (array[target] != collected).any(axis=1)
            if differs.any():
                raise DataError(
                    f"{part.label} has different rows for {image_ids[target[differs.argmax()]]}, which must be equal: "
                    "the id list is in another order, or the rows are not features of whole images"
                )
            start = rows.stop
            bar.update(len(block))
        array.flush()
        # Until the new description is written, a killed run must not leave the old one beside the new array.
        (folder / features.EXTRACTOR_JSON).unlink(missing_ok=True)


def _reserve(path: pathlib.Path, shape: tuple[int, int]) -> None:
    """Writes a .npy of zeros: on a full disk that is an error, where writing to a memory map kills the process."""
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for _ in range(shape[0]):
            file.write(bytes(4 * shape[1]))
