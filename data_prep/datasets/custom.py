"""Reads a user's own pictures: a CSV or JSON Lines file of `image, caption[, split]`, any number of rows an image."""

import csv
import json
import pathlib
from collections.abc import Iterator

from cmr.errors import DataError
from cmr.workspace import paths
from data_prep.datasets import drawn_splits, raw_dataset, text_files
from data_prep.datasets.raw_dataset import RawDataset, RawPictures

_FILES = ("captions.csv", "captions.jsonl")
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}


def read_custom(
    data_dir: pathlib.Path, captions_file: str = "", seed: int = 0, pictures_required: bool = True
) -> RawDataset:
    """Reads sentences and pictures.

    Args:
      data_dir: folder that the file's image paths start from.
      captions_file: the file; by default `captions.csv` or `captions.jsonl` in `data_dir`. A `.jsonl` file holds an
        object a line, every other one is CSV with a header.
      seed: of the splits, where the file names none.
      pictures_required: whether images without a picture are flawed.

    Raises:
      DataError: the file is missing or not in its format, or an image is in two splits.
    """
    if not data_dir.is_dir():
        raise DataError(f"--data_dir={data_dir} is not a folder; name the one that holds your pictures")
    path = _captions_path(data_dir, captions_file)
    rows = _json_lines(path) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(path)
    said: list[tuple[str, str]] = []
    split_of: dict[str, str] = {}
    for where, row in rows:
        image_id, caption, split = _checked(where, row)
        if split_of.setdefault(image_id, split) != split:
            raise DataError(
                f"{where}: image {image_id} is in the split {split or '(none)'} here and "
                f"{split_of[image_id] or '(none)'} before; keep all its rows in one split"
            )
        said.append((image_id, caption))
    if not said:
        raise DataError(f"{path} holds no row; write one of image and caption for each sentence")
    splits, protocol = _splits(path, split_of, seed)
    present = {image_id for image_id in split_of if (data_dir / image_id).is_file()}
    return raw_dataset.assemble(
        sentences=raw_dataset.numbered(said),
        splits=splits,
        pictures=RawPictures(data_dir.resolve(), present, required=pictures_required),
        sources=(path,),
        protocol=protocol,
    )


def _captions_path(data_dir: pathlib.Path, captions_file: str) -> pathlib.Path:
    candidates = [pathlib.Path(captions_file).expanduser()] if captions_file else [data_dir / name for name in _FILES]
    for path in candidates:
        if path.is_file():
            return path
    raise DataError(
        f"{candidates[0]} is missing; write a CSV file with the columns image, caption and, if you like, split, and "
        "name it with --captions_file"
    )


def _csv_rows(path: pathlib.Path) -> Iterator[tuple[str, dict]]:
    """Yields where a row stands and its columns."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, skipinitialspace=True)
            columns = [(name or "").strip() for name in reader.fieldnames or ()]
            if not {"image", "caption"} <= set(columns):
                raise DataError(
                    f"{path} has the columns {', '.join(columns) or '(none)'}; its first line must name image and "
                    "caption, and may name split"
                )
            reader.fieldnames = columns
            for row in reader:
                if None in row or None in row.values():
                    raise DataError(
                        f"{path}, line {reader.line_num} has not as many cells as the first line; put sentences with a "
                        "comma into double quotes"
                    )
                yield f"{path}, line {reader.line_num}", row
    except csv.Error as error:
        raise DataError(f"{path}, after line {reader.line_num}: {error}; mend the quotes there") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error


def _json_lines(path: pathlib.Path) -> Iterator[tuple[str, dict]]:
    """Yields where a line stands and its object."""
    for number, line in enumerate(text_files.read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number} is not a JSON object; write one of image and caption a line")
        yield f"{path}, line {number}", row


def _checked(where: str, row: dict) -> tuple[str, str, str]:
    """Image id, sentence and split ("" for none) of a row."""
    image, caption, split = row.get("image"), row.get("caption"), row.get("split") or ""
    if not isinstance(image, str) or not isinstance(caption, str) or not image.strip():
        raise DataError(f"{where} has no image or no caption; give both as text")
    relative = pathlib.PurePosixPath(image.strip().replace("\\", "/"))
    if relative.is_absolute() or ".." in relative.parts:
        raise DataError(f"{where}: the image {image} is not below --data_dir; give its path from there")
    split_name = str(split).strip().lower()
    if split_name and split_name not in _SPLIT_NAMES:
        raise DataError(f"{where} has the split {split}; choose train, val or test")
    return str(relative), caption, _SPLIT_NAMES.get(split_name, "")


def _splits(path: pathlib.Path, split_of: dict[str, str], seed: int) -> tuple[dict[str, list[str]], str]:
    """The file's splits or drawn ones, and how they came about."""
    without = [image_id for image_id, split in split_of.items() if not split]
    if without and len(without) < len(split_of):
        raise DataError(
            f"{path} gives a split to {len(split_of) - len(without):,} images and none to {len(without):,}, such as "
            f"{without[0]}; give one to all or to none"
        )
    if without:
        drawn = drawn_splits.draw_splits(without, seed)
        return drawn, (
            f"{path.name} names no splits: {len(drawn['test']):,} test and {len(drawn['val']):,} validation images are "
            f"drawn with seed {seed}"
        )
    splits: dict[str, list[str]] = {split: [] for split in paths.SPLITS}
    for image_id, split in split_of.items():
        splits[split].append(image_id)
    for split, image_ids in splits.items():
        if not image_ids:
            raise DataError(f"{path} puts no image into the {split} split; give some, or leave the column out")
    return splits, f"the splits of {path.name}"
