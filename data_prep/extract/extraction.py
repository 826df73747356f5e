"""Runs a CNN over the images of a data set: in batches, within bounded memory, and on from where it was stopped."""

import contextlib
import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import keras
import numpy as np
import tensorflow as tf

from cmr import progress
from cmr.errors import DataError, WorkspaceError
from cmr.pictures import files
from cmr.pictures.cnn import CNN_KERAS, write_cnn
from cmr.workspace import atomic_files, features
from data_prep.extract.cnns import Extractor

_PARTIAL = "features.npy.partial"
_PROGRESS = "progress.json"

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


@dataclasses.dataclass
class _State:
    """progress.json: rows that are safe on the disk, unreadable images among them, and the settings of both."""

    settings: dict
    rows: int = 0
    blank_images: list[str] = dataclasses.field(default_factory=list)


def extract(
    cnn: Extractor, pictures: Pictures, folder: pathlib.Path, crops: int, image_batch: int, on_corrupt: str
) -> dict:
    """Writes `features/<name>/` of WORKSPACE.md.

    Args:
      cnn: the extractor; it is built only when there is something to do.
      pictures: the images.
      folder: the features' folder.
      crops: 1, or 10 whose features are averaged.
      image_batch: images that go through the CNN at once.
      on_corrupt: `refuse` or `blank`.

    Returns:
      extractor.json's content, and `seconds` (0 where the features were there already).

    Raises:
      DataError: with `refuse`, an image can't be read; what was extracted before is kept.
    """
    settings = {
        "model": cnn.model_name,
        "layer": cnn.layer,
        "weights": cnn.weights,
        "weights_sha256": cnn.weights_sha256,
        "crops": crops,
        "input_size": cnn.input_size,
        "images": len(pictures.image_ids),
        "image_ids_sha256": features.image_ids_sha256(pictures.image_ids),
    }
    finished = _finished(folder)
    if finished is not None and settings.items() <= finished.items():
        if cnn.is_saved and not (folder / CNN_KERAS).exists():
            write_cnn(folder, cnn.build())
        return {**finished, "seconds": 0.0}
    _check_files(pictures)
    started = time.monotonic()
    state = _resumed(folder, settings)
    model = cnn.build()
    dim = _run(model, pictures, folder, state, crops, image_batch, on_corrupt)
    # From here to the end the folder holds neither an old description nor a half new one.
    (folder / features.EXTRACTOR_JSON).unlink(missing_ok=True)
    if cnn.is_saved:
        write_cnn(folder, model)
    (folder / _PARTIAL).replace(folder / features.FEATURES_NPY)
    description = {
        "name": folder.name,
        **settings,
        "feature_dim": dim,
        "stand_in": cnn.stand_in,
        "blank_images": state.blank_images,
    }
    features.write_description(folder, pictures.image_ids, description)
    (folder / _PROGRESS).unlink()
    return {**description, "seconds": time.monotonic() - started}


def _finished(folder: pathlib.Path) -> dict | None:
    # What can't be read is extracted again.
    with contextlib.suppress(WorkspaceError):
        return features.read_extractor(folder)
    return None


def _check_files(pictures: Pictures) -> None:
    missing = [path for path in pictures.paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(pictures.paths)} pictures are not there, such as {missing[0]}; restore them or "
            "run data_prep.prepare again"
        )


def _resumed(folder: pathlib.Path, settings: dict) -> _State:
    path = folder / _PROGRESS
    if path.exists() and (folder / _PARTIAL).exists():
        state = _State(**json.loads(path.read_text(encoding="utf-8")))
        if state.settings == settings:
            return state
    return _State(settings)


def _run(
    model: keras.Model,
    pictures: Pictures,
    folder: pathlib.Path,
    state: _State,
    crops: int,
    image_batch: int,
    on_corrupt: str,
) -> int:
    """Fills the partial file from the state's row on; returns the feature's size."""
    num_images, dim = len(pictures.paths), int(model.output.shape[1])
    encode = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)
    folder.mkdir(parents=True, exist_ok=True)
    batches = _batches(pictures.paths[state.rows :], model.input.shape[1], crops, image_batch)
    # Plain writes, not a memory map: its pages count as memory, and on a full disk it ends in a bus error.
    with (
        open(folder / _PARTIAL, "rb+" if state.rows else "wb") as file,
        progress.progress_bar(num_images, "image", folder.name, state.rows) as bar,
    ):
        _seek_row(file, state.rows, (num_images, dim))
        saved = time.monotonic()
        try:
            for squares, failures in batches:
                blank = _blank_images(failures, pictures.image_ids[state.rows :], on_corrupt)
                flat = tf.cast(tf.reshape(squares, [-1, *squares.shape[2:]]), tf.float32)
                rows = encode(flat).numpy().reshape(-1, crops, dim).mean(axis=1, dtype=np.float32)
                if not np.isfinite(rows).all():
                    raise DataError(f"{folder.name} gives values that are not finite; check its weights")
                file.write(rows.astype("<f4").tobytes())
                state.rows += len(rows)
                state.blank_images += blank
                bar.update(len(rows))
                if time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                    _save(folder, file, state)
                    saved = time.monotonic()
        finally:
            _save(folder, file, state)
    return dim


def _seek_row(file: BinaryIO, row: int, shape: tuple[int, int]) -> None:
    """Stands where a row begins in a `.npy` file of float32, behind the header, which is written at row 0."""
    if row == 0:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        return
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)
    file.seek(row * shape[1] * np.dtype("<f4").itemsize, os.SEEK_CUR)


def _blank_images(failures: Sequence[tuple[int, str]], image_ids: Sequence[str], on_corrupt: str) -> list[str]:
    """The images of a batch that a grey picture stands for.

    Raises:
      DataError: there is one and `on_corrupt` refuses it.
    """
    if failures and on_corrupt == "refuse":
        reason = failures[0][1]
        raise DataError(f"{reason}; mend it, or give --on_corrupt=blank to let a grey picture stand for it")
    return [image_ids[place] for place, _ in failures]


def _save(folder: pathlib.Path, file: BinaryIO, state: _State) -> None:
    file.flush()
    os.fsync(file.fileno())
    atomic_files.write_text(folder / _PROGRESS, json.dumps(dataclasses.asdict(state)))


def _batches(
    paths: Sequence[pathlib.Path], size: int, crops: int, image_batch: int
) -> Iterator[tuple[tf.Tensor, list[tuple[int, str]]]]:
    """Reads pictures ahead of the CNN.

    Yields:
      `[batch, crops, size, size, 3]` uint8, and for each picture that can't be read its place in the batch and why; a
      grey one stands in its place.
    """

    def read(path: bytes) -> tuple[np.ndarray, bytes]:
        try:
            return files.read_crops(path.decode(), size, crops), b""
        except DataError as error:
            return np.full((crops, size, size, 3), files.GREY, np.uint8), str(error).encode()

    def stage(path: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        squares, failure = tf.numpy_function(read, [path], [tf.uint8, tf.string])
        return tf.ensure_shape(squares, [crops, size, size, 3]), tf.ensure_shape(failure, [])

    dataset = tf.data.Dataset.from_tensor_slices(tf.constant([str(path) for path in paths], tf.string))
    dataset = dataset.map(stage, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    # Ten crops of a few pictures are as much memory as one crop of many.
    dataset = dataset.batch(max(1, image_batch // crops)).prefetch(2)
    for squares, failed in dataset:
        reasons = failed.numpy()
        yield squares, [(place, reason.decode()) for place, reason in enumerate(reasons) if reason]
