"""Reads MSCOCO (Lin et al., 2014), of 2014 or 2017: captions_*.json, pictures in train2014/, val2014/ ..., a protocol.

The protocols (section 2 of the design; `random_1k` is the paper's) differ in who is in the test split:

  random_1k      1,000 test and 1,000 other validation images, drawn from a seed among the official validation images
  karpathy_1k    the first 1,000 test images of Karpathy's dataset_coco.json; his 5,000 validation images
  karpathy_5x1k  his 5,000 test images in five parts of 1,000, whose numbers are averaged
  karpathy_5k    his 5,000 test images at once

The validation images that are left over may join the training images (`restval`), or be all of them, where random_1k
finds the validation file alone.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping, Sequence

from cmr import shell
from cmr.errors import DataError
from data_prep.datasets import drawn_splits, karpathy, raw_dataset, text_files
from data_prep.datasets.raw_dataset import RawDataset, RawPictures, Sentence

PROTOCOLS = ("random_1k", "karpathy_1k", "karpathy_5x1k", "karpathy_5k")

_YEARS = ("2014", "2017")
_NUMBER = re.compile(r"(?:COCO_(?:train|val)2014_)?(\d{12})\.jpg")

# Images and sentences of the official files.
_COMPLETE = {
    "train2014": (82_783, 414_113),
    "val2014": (40_504, 202_654),
    "train2017": (118_287, 591_753),
    "val2017": (5_000, 25_014),
}
_KARPATHY_JSON = "dataset_coco.json"
_TEST_IMAGES_OF_1K = 1_000
# With a fifth of the validation images each, a part of the data set is split as MSCOCO 2017 is: 1,000 of 5,000.
_SHARE = 5


@dataclasses.dataclass(frozen=True)
class _Part:
    """An official file, such as `train2014`; an image's id is its file name, as in `COCO_val2014_000000000042.jpg`."""

    name: str
    path: pathlib.Path
    image_ids: Sequence[str]
    sentences: Sequence[Sentence]


@dataclasses.dataclass(frozen=True)
class _Splits:
    """Who is in which split, who in none by the protocol, and the protocol in words."""

    splits: Mapping[str, Sequence[str]]
    left_out: frozenset[str]
    protocol: str
    test_folds: int = 1


def read_mscoco(
    data_dir: pathlib.Path,
    protocol: str = "random_1k",
    restval: bool = False,
    seed: int = 0,
    karpathy_json: str = "",
    pictures_required: bool = True,
) -> RawDataset:
    """Reads sentences, pictures and splits.

    Args:
      data_dir: holds `train2014/` and `val2014/`, or those of 2017, or both (a picture is found by its number, in
        whichever year's folder it lies), and `annotations/captions_*.json`.
      protocol: of `PROTOCOLS`.
      restval: whether the validation images left over are training images.
      seed: of `random_1k`.
      karpathy_json: path of dataset_coco.json for the protocols after Karpathy; by default it is in `data_dir` or its
        `annotations/`.
      pictures_required: whether images without a picture are flawed.

    Raises:
      DataError: a file is missing or not in its format, or complete but with other counts than published.
    """
    if not data_dir.is_dir():
        raise DataError(f"--data_dir={data_dir} is not a folder; name the one that holds annotations/")
    if protocol == "random_1k":
        parts = _official_parts(data_dir, restval)
        sentences = [sentence for part in parts for sentence in part.sentences]
        folders = {image_id: part.name for part in parts for image_id in part.image_ids}
        pictures = _pictures(data_dir, folders, pictures_required)
        chosen = _random_1k(*parts, pictures, restval, seed)
        sources = [part.path for part in parts if part.image_ids]
    else:
        path = _karpathy_path(data_dir, karpathy_json)
        content = karpathy.read_json(path, "coco")
        sentences, sources = content.sentences, [path]
        pictures = _pictures(data_dir, content.folders, pictures_required)
        chosen = _karpathy_splits(content.splits, protocol, restval)
    return raw_dataset.assemble(
        sentences=sentences,
        splits=chosen.splits,
        pictures=pictures,
        sources=sources,
        protocol=chosen.protocol,
        test_folds=chosen.test_folds,
        left_out=chosen.left_out,
    )


def _official_parts(data_dir: pathlib.Path, restval: bool) -> tuple[_Part, _Part]:
    """The training and the validation file of the first year that has both.

    With `restval` the validation file alone will do, whose images are then the training images too.
    """
    files = {
        year: [_annotations(data_dir, f"captions_{split}{year}.json") for split in ("train", "val")] for year in _YEARS
    }
    for year, (train, val) in files.items():
        if train and val:
            return _read_part(f"train{year}", train), _read_part(f"val{year}", val)
    alone = next((year for year, (_, val) in files.items() if val), None)
    if alone and restval:
        val = files[alone][1]
        return _Part(f"train{alone}", val, (), ()), _read_part(f"val{alone}", val)
    if alone:
        raise DataError(
            f"{data_dir / 'annotations'} holds captions_val{alone}.json and lacks captions_train{alone}.json; put it "
            "there, or give --coco_restval to train on the validation images that are not drawn for val and test"
        )
    raise DataError(
        f"{data_dir / 'annotations'} lacks captions_train2014.json and captions_val2014.json (or both of 2017); "
        f"unpack annotations_trainval2014.zip into {data_dir}"
    )


def _annotations(data_dir: pathlib.Path, name: str) -> pathlib.Path | None:
    return next((path for path in (data_dir / "annotations" / name, data_dir / name) if path.is_file()), None)


def _read_part(name: str, path: pathlib.Path) -> _Part:
    content = text_files.read_json_object(path)
    try:
        file_names = {image["id"]: image["file_name"] for image in content["images"]}
        said = [(file_names[note["image_id"]], note["caption"]) for note in content["annotations"]]
        if not all(isinstance(text, str) for text in (*file_names.values(), *(text for _, text in said))):
            raise TypeError
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not a captions file of MSCOCO: images with id and file_name, and annotations with the image_id "
            "of one of them and a caption; fetch the original"
        ) from error
    del content
    sentences = raw_dataset.numbered(said)
    image_ids = list(dict.fromkeys(file_names.values()))
    images, captions = _COMPLETE[name]
    if len(image_ids) == images and len(sentences) != captions:
        raise DataError(
            f"{path} has the {images:,} images of the complete file but {len(sentences):,} sentences and not "
            f"{captions:,}; fetch the original"
        )
    return _Part(name, path, image_ids, sentences)


def _pictures(data_dir: pathlib.Path, folders: Mapping[str, str], required: bool) -> RawPictures:
    """Finds the pictures of images by their numbers.

    Args:
      data_dir: holds the folders of pictures, or an `images/` that holds them.
      folders: image id -> the folder that should have its picture.
      required: whether there must be any.
    """
    names = [f"{split}{year}" for year in _YEARS for split in ("train", "val")]
    image_dir = data_dir
    if not any((data_dir / name).is_dir() for name in names) and (data_dir / "images").is_dir():
        image_dir = data_dir / "images"
    expected = set(folders.values())
    by_name: dict[str, str] = {}
    # The folders that the images' own file names come last and win.
    for name in sorted(names, key=lambda name: name in expected):
        if (image_dir / name).is_dir():
            with os.scandir(image_dir / name) as entries:
                for entry in entries:
                    if match := _NUMBER.fullmatch(entry.name):
                        by_name[match[1]] = f"{name}/{entry.name}"
    if required and not by_name:
        wanted = " or ".join(sorted(expected)) or "train2014"
        raise DataError(
            f"{image_dir} has no pictures in {wanted}; unpack the pictures there, or give --pictures=optional to do "
            "without pictures"
        )
    file_names, present = {}, set()
    for image_id, folder in folders.items():
        match = _NUMBER.fullmatch(image_id)
        file_names[image_id] = f"{folder}/{image_id}"
        if match and match[1] in by_name:
            file_names[image_id] = by_name[match[1]]
            present.add(image_id)
    return RawPictures(image_dir.resolve(), present, file_names, required)


def _random_1k(train: _Part, val: _Part, pictures: RawPictures, restval: bool, seed: int) -> _Splits:
    """The paper's protocol; it draws from the training images where no validation image has a picture."""
    usable = [image_id for image_id in val.image_ids if pictures.can_use(image_id)]
    if usable:
        drawn = drawn_splits.draw_splits(usable, seed, _SHARE)
        rest = drawn["train"]
        splits = {"train": [*train.image_ids, *(rest if restval else ())], "val": drawn["val"], "test": drawn["test"]}
        left_out = frozenset(() if restval else rest)
        others = "training images too" if restval else "left out"
        if not train.image_ids:
            others = f"the training images, for want of captions_{train.name}.json"
        source = f"from {val.name}, whose {len(rest):,} others are {others}"
    else:
        usable = [image_id for image_id in train.image_ids if pictures.can_use(image_id)]
        if not usable:
            raise DataError(
                f"{pictures.image_dir} has no picture of an image of {val.path.name}; unpack {val.name} there, or give "
                "--pictures=optional to do without pictures"
            )
        splits = drawn_splits.draw_splits(usable, seed, _SHARE)
        # The images without a picture stay listed, so that they are reported.
        here = frozenset(usable)
        splits["train"] += [image_id for image_id in train.image_ids if image_id not in here]
        left_out = frozenset()
        source = f"from {train.name}, as no image of {val.name} has a picture here"
    there, published = len(train.image_ids) + len(val.image_ids), _COMPLETE[train.name][0] + _COMPLETE[val.name][0]
    part = "" if there == published else f"; a part of MSCOCO: {there:,} of {published:,} images"
    return _Splits(
        splits,
        left_out,
        f"random_1k: {len(splits['test']):,} test and {len(splits['val']):,} validation images drawn with seed {seed} "
        f"{source}{part}",
    )


def _karpathy_path(data_dir: pathlib.Path, karpathy_json: str) -> pathlib.Path:
    path = shell.expanded(karpathy_json) if karpathy_json else _annotations(data_dir, _KARPATHY_JSON)
    if path is None:
        raise DataError(
            f"{data_dir / _KARPATHY_JSON} is missing, which the protocols after Karpathy read; put it there, or name "
            "it with --karpathy_json"
        )
    return path


def _karpathy_splits(splits: Mapping[str, Sequence[str]], protocol: str, restval: bool) -> _Splits:
    test, rest = splits["test"], splits["restval"]
    folds = 5 if protocol == "karpathy_5x1k" else 1
    used = test[:_TEST_IMAGES_OF_1K] if protocol == "karpathy_1k" else test
    if len(used) < folds:
        raise DataError(f"{len(used)} test images can't be cut into five parts; give --coco_protocol=karpathy_5k")
    words = {
        "karpathy_1k": f"the first {len(used):,} of Karpathy's test images",
        "karpathy_5x1k": f"mean over five parts of {len(used) // 5:,} of Karpathy's test images",
        "karpathy_5k": f"Karpathy's {len(used):,} test images at once",
    }[protocol]
    place = "training images" if restval else "left out"
    joined = f"the {len(rest):,} remaining validation images (restval) are {place}"
    return _Splits(
        {"train": [*splits["train"], *(rest if restval else ())], "val": splits["val"], "test": used},
        frozenset([*(() if restval else rest), *test[len(used) :]]),
        f"{protocol}: {words}; {joined}",
        folds,
    )
