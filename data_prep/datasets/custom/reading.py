"""Reads a user's own pictures: a table, JSON Lines or JSON of images, sentences and, if there are any, splits."""

import pathlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from cmr import shell
from cmr.errors import DataError
from cmr.workspace import names, paths
from data_prep.datasets import checks, drawn_splits, raw_dataset
from data_prep.datasets.custom import json_rows, pictures, tables
from data_prep.datasets.custom.rows import CaptionRows
from data_prep.datasets.raw_dataset import RawDataset

# In the order in which they are looked for; several may match the last two, which are MSCOCO's.
_FILES = (
    *("captions.csv", "captions.jsonl", "captions.ndjson", "captions.json", "captions.tsv", "captions.txt"),
    *("metadata.csv", "metadata.jsonl"),
)
_SEVERAL_FILES = ("captions_*.json", "annotations/captions_*.json")
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
      captions_file: the file; by default the first of `captions.csv`, `captions.jsonl` ... in `data_dir`, or all of
        `captions_*.json`, whose names say the splits. A `.jsonl` file holds an object a line, a `.json` file JSON of
        one of several forms, every other one is a table with a header.
      seed: of the splits, where the file names none.
      pictures_required: whether images without a picture are flawed.

    Raises:
      DataError: the file is missing or not in its format, or an image is in two splits.
    """
    if not data_dir.is_dir():
        raise DataError(f"--data_dir={data_dir} is not a folder; name the one that holds your pictures")
    files = _captions_files(data_dir, captions_file)
    said: list[tuple[str, str]] = []
    split_of: dict[str, str] = {}
    same_look: dict[str, str] = {}
    layouts = []
    for path, split_of_file in files.items():
        content = _open(path)
        layouts.append(content.layout)
        for row in content.rows:
            image_id = pictures.image_id(row.place, row.image, data_dir)
            if not image_id.isascii():
                image_id = same_look.setdefault(unicodedata.normalize("NFC", image_id), image_id)
            split = _split(row.place, row.split) or split_of_file
            if split_of.setdefault(image_id, split) != split:
                raise DataError(
                    f"{row.place}: image {names.visible(image_id)} is in the split {split or '(none)'} here and "
                    f"{split_of[image_id] or '(none)'} before; keep all its rows in one split"
                )
            for sentence in row.sentences:
                checks.check_sentence(row.place, sentence)
                said.append((image_id, sentence))
    first = next(iter(files))
    if not said:
        raise DataError(f"{first} holds no row; write one of image and caption for each sentence")
    located = pictures.locate(data_dir, split_of, _folders(files), pictures_required)
    sentences = raw_dataset.numbered(said)

    def draw(image_ids: Sequence[str]) -> dict[str, list[str]]:
        return drawn_splits.draw_among_usable(image_ids, located.can_use, sentences, seed)

    splits, protocol = _splits(list(files), split_of, draw, seed, any(files.values()))
    return raw_dataset.assemble(
        sentences=sentences,
        splits=splits,
        pictures=located,
        sources=tuple(files),
        protocol=protocol,
        layout="; ".join(layouts) + pictures.elsewhere(located),
    )


def _captions_files(data_dir: pathlib.Path, captions_file: str) -> dict[pathlib.Path, str]:
    """The files to read, and the split of each: "" where its name says none."""
    candidates = [shell.expanded(captions_file)] if captions_file else [data_dir / name for name in _FILES]
    for path in candidates:
        if path.is_file():
            return {path: ""}
    for pattern in () if captions_file else _SEVERAL_FILES:
        several = sorted(path for path in data_dir.glob(pattern) if path.is_file())
        if several:
            # One file alone holds all splits, or none, whatever it is called.
            return {path: _split_in(path) if len(several) > 1 else "" for path in several}
    if candidates[0].is_dir():
        raise DataError(f"{candidates[0]} is a folder, where a file belongs; name the file with --captions_file")
    raise DataError(
        f"{candidates[0]} is missing; write a CSV file with the columns image, caption and, if you like, split, and "
        "name it with --captions_file"
    )


def _split_in(path: pathlib.Path) -> str:
    """The split that a file's name says, as in `captions_train2017.json`."""
    for word in re.findall("[a-z]+", path.stem.lower()):
        if word in _SPLIT_NAMES:
            return _SPLIT_NAMES[word]
    raise DataError(f"{path} says no split in its name, as the files beside it do; name one file with --captions_file")


def _folders(files: Mapping[pathlib.Path, str]) -> list[str]:
    """Where MSCOCO's form has its pictures: `train2017/` for `captions_train2017.json`."""
    stems = [path.stem.removeprefix("captions_") for path in files if path.suffix.lower() == ".json"]
    return [f"{base}{stem}" for stem in stems if stem for base in ("", "images/")]


def _open(path: pathlib.Path) -> CaptionRows:
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return json_rows.read_json_lines(path)
    return json_rows.read_json(path) if suffix == ".json" else tables.read_table(path)


def _split(place: str, name: str) -> str:
    plain = name.strip().lower()
    if plain and plain not in _SPLIT_NAMES:
        raise DataError(f"{place} has the split {names.visible(name)}; choose train, val or test")
    return _SPLIT_NAMES.get(plain, "")


def _splits(
    files: Sequence[pathlib.Path],
    split_of: Mapping[str, str],
    draw: Callable[[Sequence[str]], dict[str, list[str]]],
    seed: int,
    by_files: bool,
) -> tuple[dict[str, list[str]], str]:
    """The files' splits or drawn ones, and how they came about."""
    place, label = " and ".join(map(str, files)), " and ".join(path.name for path in files)
    without = [image_id for image_id, split in split_of.items() if not split]
    if without and len(without) < len(split_of):
        raise DataError(
            f"{place} gives a split to {len(split_of) - len(without):,} images and none to {len(without):,}, such as "
            f"{names.visible(without[0])}; give one to all or to none"
        )
    if without:
        drawn = draw(without)
        return drawn, (
            f"{label} names no splits: {len(drawn['test']):,} test and {len(drawn['val']):,} validation images are "
            f"drawn with seed {seed}"
        )
    splits: dict[str, list[str]] = {split: [] for split in paths.SPLITS}
    for image_id, split in split_of.items():
        splits[split].append(image_id)
    # MSCOCO's test sentences are nobody's, so its form has two files.
    if by_files and not splits["test"] and len(splits["val"]) > 1:
        splits["val"], splits["test"] = _halves(splits["val"], seed)
        return splits, (
            f"the splits of {label}, which have no test images: half of the validation images, "
            f"{len(splits['test']):,} drawn with seed {seed}"
        )
    for split, image_ids in splits.items():
        if not image_ids:
            raise DataError(f"{place} puts no image into the {split} split; give some, or leave the column out")
    return splits, f"the splits of {label}"


def _halves(image_ids: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    half = frozenset(drawn_splits.shuffled(image_ids, seed)[: len(image_ids) // 2])
    return [name for name in image_ids if name not in half], [name for name in image_ids if name in half]
