"""Extraction in shards: the images of one, and the joining of all to the features that one extraction makes.

whole = Extraction(cnn, pictures, workspace.features_dir(name), ...)
part_of(whole, Shard(3, 16)).run()                    # features/<name>/shards/3-of-16/, on any machine
merge(whole, 16, ["data_prep.extract", "--dataset=flickr8k"])
"""

import contextlib
import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from cmr import progress
from cmr.errors import WorkspaceError
from cmr.workspace import features, shards
from cmr.workspace.features import Features
from cmr.workspace.partial_rows import PROGRESS, PartialRows
from cmr.workspace.shards import Shard
from cmr.workspace.writer_lock import writer_lock
from data_prep import disk_space
from data_prep.extract import finished_features
from data_prep.extract.extraction import Extraction, Pictures

# A kill loses at most the copying of so many blocks, 1 GB.
_BLOCKS_BETWEEN_SAVES = 64


def part_of(whole: Extraction, shard: Shard) -> Extraction:
    """The extraction of one shard; it has no images where the hash of none is this one.

    cnn.keras is left to the merged features: it would be the same in every shard.

    Raises:
      WorkspaceError: the shard is there and of another CNN.
    """
    return _parts(whole, shard.count)[shard.index - 1]


def unmade(whole: Extraction, count: int) -> list[Shard]:
    """The shards, of those that have images, that are not there yet."""
    parts = _parts(whole, count)
    return [
        part.shard for part in parts if part.pictures.image_ids and not (part.folder / features.EXTRACTOR_JSON).exists()
    ]


def refuse_another_cnn(part: Extraction) -> None:
    """Makes sure that a shard that is there may be extracted again: what others were made beside must not change.

    Raises:
      WorkspaceError: it is of another CNN, other weights or another number of crops.
    """
    if (part.folder / features.EXTRACTOR_JSON).exists():
        difference = _difference(part)
        if difference:
            raise WorkspaceError(
                f"{part.folder} was extracted with another CNN: {difference}; give the flags that it was extracted "
                "with, another --features_name, or remove it"
            )


def merge(whole: Extraction, count: int, command: Sequence[str]) -> dict:
    """Joins shards in the data set's order, by blocks.

    What was merged before a stop is not copied again. The shards stay as they are.

    Args:
      whole: the extraction that the shards are parts of, whose folder the caller has locked.
      count: of the shards.
      command: module and arguments of the command that makes a shard, but for --shard.

    Returns:
      As `Extraction.run`.

    Raises:
      WorkspaceError: a shard is missing, unfinished, damaged, of other images than the data set's, of another CNN, or
        being written; nothing is written then.
      DataError: the disk has no room.
    """
    if whole.is_finished:
        return whole.run()
    index = _shard_indexes(whole.pictures.image_ids, count)
    parts = [part for part in _parts(whole, count, index) if part.pictures.image_ids]
    with contextlib.ExitStack() as locks:
        for part in parts:
            if part.folder.is_dir():
                locks.enter_context(writer_lock(part.folder))
        opened = _checked(whole, parts, command)
        row_shape = next(iter(opened.values())).array.shape[1:]
        whole.prepare_cnn()
        _require_space(whole, row_shape)
        return whole.write(row_shape, lambda rows: _copy(rows, whole, index, opened))


def _shard_indexes(image_ids: Sequence[str], count: int) -> np.ndarray:
    """The shard of each image: `[num_images]` int32."""
    return np.fromiter((shards.index_of(image_id, count) for image_id in image_ids), np.int32, len(image_ids))


def _parts(whole: Extraction, count: int, index: np.ndarray | None = None) -> list[Extraction]:
    """The extraction of every shard."""
    image_ids, paths = whole.pictures.image_ids, whole.pictures.paths
    index = _shard_indexes(image_ids, count) if index is None else index
    cnn = dataclasses.replace(whole.cnn, is_saved=False)
    parts = []
    for shard in shards.all_of(count):
        rows = np.flatnonzero(index == shard.index)
        pictures = Pictures([image_ids[row] for row in rows], [paths[row] for row in rows])
        folder = shard.folder(whole.folder)
        parts.append(dataclasses.replace(whole, cnn=cnn, pictures=pictures, folder=folder, shard=shard))
    return parts


def _checked(whole: Extraction, parts: Sequence[Extraction], command: Sequence[str]) -> dict[int, Features]:
    """The shards, opened, by their index, once every one of them is known to be whole."""
    home = whole.folder
    unready = {part.shard: reason for part in parts if (reason := _lack(part))}
    for part in parts:
        difference = "" if part.shard in unready else _difference(part)
        if difference:
            raise WorkspaceError(
                f"{part.folder} is of another CNN than the one to be merged: {difference}; give the flags that it was "
                f"extracted with, or remove it and run: {shards.making([part.shard], command)}"
            )
    shards.require_ready(home, unready, command)
    with progress.progress_bar(len(parts), "shard", f"{home.name} checked") as bar:
        for part in parts:
            if finished_features.whole_features(part.folder, part.settings, part.pictures.image_ids) is None:
                unready[part.shard] = "cut off or damaged"
            bar.update()
    shards.require_ready(home, unready, command)
    opened = {part.shard.index: features.read_stored(part.folder) for part in parts}
    if len({each.array.shape[1:] for each in opened.values()}) > 1:
        raise WorkspaceError(f"the shards of {home} hold rows of different sizes; remove {home / shards.SHARDS}")
    return opened


def _lack(part: Extraction) -> str:
    """What a shard lacks as far as its description tells; "" where that is of the data set's images."""
    if not (part.folder / features.EXTRACTOR_JSON).exists():
        return "unfinished" if (part.folder / PROGRESS).exists() else "missing"
    try:
        extractor = features.read_extractor(part.folder)
    except WorkspaceError:
        return "cut off or damaged"
    keys = ("images", "image_ids_sha256")
    is_of_images = all(extractor.get(key) == part.settings[key] for key in keys)
    return "" if is_of_images else "of other images than the data set has now"


def _difference(part: Extraction) -> str:
    """How the CNN of a shard that is there differs from the one given, in words; "" where it does not."""
    try:
        extractor = features.read_extractor(part.folder)
    except WorkspaceError:
        # A damaged one is extracted again.
        return ""
    wanted = {**part.of_cnn, "stand_in": part.cnn.stand_in}
    return ", ".join(
        f"{key} {extractor.get(key)!r:.80} and not {value!r:.80}"
        for key, value in wanted.items()
        if extractor.get(key) != value
    )


def _require_space(whole: Extraction, row_shape: tuple[int, ...]) -> None:
    row_bytes = math.prod(row_shape) * features.dtype_of(row_shape).itemsize
    partial = whole.folder / f"{features.FEATURES_NPY}.partial"
    there = partial.stat().st_size if partial.exists() else 0
    needed = len(whole.pictures.image_ids) * row_bytes - there
    disk_space.require(whole.folder, needed, f"merge the shards of {whole.folder.name}", "--workspace_dir")


def _copy(rows: PartialRows, whole: Extraction, index: np.ndarray, opened: dict[int, Features]) -> None:
    """Adds the rows that are not there yet: in a block those of a shard follow each other in the shard too."""
    image_ids = whole.pictures.image_ids
    first = next(iter(opened.values())).array
    block_rows = features.block_rows_of(first.shape[1:])
    blank_images = {image_id for each in opened.values() for image_id in each.extractor["blank_images"]}
    taken = {shard: int(np.count_nonzero(index[: rows.rows] == shard)) for shard in opened}
    bar = progress.progress_bar(len(image_ids), "image", f"{whole.folder.name} merged", rows.rows)
    with bar, rows.open():
        for number, start in enumerate(range(rows.rows, len(image_ids), block_rows), 1):
            of_block = index[start : start + block_rows]
            block = np.empty((len(of_block), *first.shape[1:]), first.dtype)
            for shard in np.unique(of_block).tolist():
                places = np.flatnonzero(of_block == shard)
                block[places] = opened[shard].array[taken[shard] : taken[shard] + len(places)]
                taken[shard] += len(places)
            names = image_ids[start : start + len(of_block)]
            rows.append(block, [image_id for image_id in names if image_id in blank_images])
            bar.update(len(block))
            if number % _BLOCKS_BETWEEN_SAVES == 0:
                rows.save()
