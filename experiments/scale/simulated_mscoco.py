"""A data set of MSCOCO's size: real sentences sampled to its number, random features, no pictures."""

import json
import pathlib
import random
from collections.abc import Iterator, Sequence

import numpy as np

from cmr import progress
from cmr.workspace import atomic_files

# Images of Karpathy's splits, in the folders that the official files of 2014 have, and all their sentences.
SPLITS = {
    ("train", "train2014"): 82_783,
    ("val", "val2014"): 5_000,
    ("test", "val2014"): 5_000,
    ("restval", "val2014"): 30_504,
}
SENTENCES = 616_767
FEATURE_DIMS = {"vgg16-fc7": 4_096, "inception_v3": 2_048}

# The sentences sampled hold some 7,000 different words. MSCOCO's training sentences hold more than 20,000, most of them
# rare, and each costs a row of the word embedding.
RARE_WORDS = 20_000
_SENTENCES_AN_IMAGE = 5
_BLOCK_ROWS = 1_024

IMAGE_IDS = "image_ids.txt"


def write_raw(data_dir: pathlib.Path, sentences: Sequence[str], share: int) -> None:
    """Writes `dataset_coco.json` as Karpathy published it, and `image_ids.txt`, the order of the features.

    Args:
      data_dir: the folder of the raw data set.
      sentences: real ones, to be sampled.
      share: every how many of MSCOCO's images there is to be one.
    """
    rng = random.Random(0)
    places = [
        (split, folder, f"COCO_{folder}_{{:012d}}.jpg")
        for (split, folder), count in SPLITS.items()
        for _ in range(count // share)
    ]
    numbers = _numbers_of_sentences(len(places), SENTENCES // share)
    images = [
        {
            "filename": name.format(number),
            "filepath": folder,
            "split": split,
            "sentences": [{"raw": _sentence(rng, sentences, place)} for place in next(numbers)],
        }
        for number, (split, folder, name) in enumerate(places)
    ]
    atomic_files.write_text(data_dir / "dataset_coco.json", json.dumps({"dataset": "coco", "images": images}))
    atomic_files.write_text(data_dir / IMAGE_IDS, "".join(f"{image['filename']}\n" for image in images))


def _numbers_of_sentences(num_images: int, num_sentences: int) -> Iterator[range]:
    """Five sentences an image; the few that MSCOCO has beyond that go to the first images."""
    more = num_sentences - num_images * _SENTENCES_AN_IMAGE
    first = 0
    for image in range(num_images):
        count = _SENTENCES_AN_IMAGE + (image < more)
        yield range(first, first + count)
        first += count


def _sentence(rng: random.Random, sentences: Sequence[str], place: int) -> str:
    # Every second one, so that the rare words are all used at a tenth of the size too.
    rare = f" rare{place // 2 % RARE_WORDS}" if place % 2 else ""
    return rng.choice(sentences) + rare


def write_features(data_dir: pathlib.Path, name: str) -> pathlib.Path:
    """Writes random features of every image of `image_ids.txt`, by blocks; returns the file.

    Args:
      data_dir: the folder of the raw data set.
      name: of `FEATURE_DIMS`.
    """
    num_images = len((data_dir / IMAGE_IDS).read_text(encoding="utf-8").splitlines())
    path, dim = data_dir / f"{name}.npy", FEATURE_DIMS[name]
    rng = np.random.default_rng(0)
    with open(path, "wb") as file, progress.progress_bar(num_images, "image", f"random {name}") as bar:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (num_images, dim)})
        for start in range(0, num_images, _BLOCK_ROWS):
            rows = min(_BLOCK_ROWS, num_images - start)
            file.write(rng.random((rows, dim), np.float32).tobytes())
            bar.update(rows)
    return path
