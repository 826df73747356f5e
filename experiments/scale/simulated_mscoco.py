"""A data set of MSCOCO's size: real sentences sampled to its number, random features, no pictures."""

import json
import pathlib
import random
from collections.abc import Mapping, Sequence

import numpy as np

from cmr import progress
from cmr.workspace import atomic_files, captions, features
from cmr.workspace.paths import Workspace

# Images and sentences of the official files of 2014.
SIZES = {"train2014": (82_783, 414_113), "val2014": (40_504, 202_654)}
FEATURE_DIMS = {"vgg16-fc7": 4_096, "inception_v3": 2_048}

# The sentences sampled hold some 7,000 different words. MSCOCO's training sentences hold more than 20,000, most of them
# rare, and each costs a row of the word embedding.
RARE_WORDS = 20_000
_SENTENCES_AN_IMAGE = 5
_BLOCK_ROWS = 1_024


def write_raw(data_dir: pathlib.Path, sentences: Sequence[str], share: int) -> None:
    """Writes `annotations/captions_train2014.json` and `captions_val2014.json`.

    Args:
      data_dir: the folder of the raw data set.
      sentences: real ones, to be sampled.
      share: every how many of MSCOCO's images there is to be one.
    """
    rng = random.Random(0)
    first = 0
    for name, (num_images, num_captions) in SIZES.items():
        num_images, num_captions = num_images // share, num_captions // share
        numbers = range(first, first + num_images)
        first += num_images
        images = [{"id": number, "file_name": f"COCO_{name}_{number:012d}.jpg"} for number in numbers]
        # Five sentences an image; the few that MSCOCO has beyond that go to the first images.
        owners = [numbers[place // _SENTENCES_AN_IMAGE % num_images] for place in range(num_captions)]
        annotations = [
            {"id": place, "image_id": owner, "caption": _sentence(rng, sentences, place)}
            for place, owner in enumerate(owners)
        ]
        text = json.dumps({"images": images, "annotations": annotations})
        atomic_files.write_text(data_dir / "annotations" / f"captions_{name}.json", text)


def _sentence(rng: random.Random, sentences: Sequence[str], place: int) -> str:
    # Every second one, so that the rare words are all used at a tenth of the size too.
    rare = f" rare{place // 2 % RARE_WORDS}" if place % 2 else ""
    return rng.choice(sentences) + rare


def write_features(workspace: Workspace) -> None:
    """Writes random features of every image, by blocks, in the order of captions.csv."""
    image_ids = captions.images_of(captions.read_captions(workspace.captions_csv))["image_id"].tolist()
    for name, dim in FEATURE_DIMS.items():
        _write_array(workspace.features_dir(name), image_ids, dim)
        features.write_description(workspace.features_dir(name), image_ids, _description(name))


def _description(name: str) -> Mapping[str, str]:
    return {"name": name, "model": "", "weights": "random numbers", "stand_in": "features, in a simulation"}


def _write_array(folder: pathlib.Path, image_ids: Sequence[str], dim: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    with (
        open(folder / features.FEATURES_NPY, "wb") as file,
        progress.progress_bar(len(image_ids), "image", folder.name) as bar,
    ):
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(image_ids), dim)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(image_ids), _BLOCK_ROWS):
            rows = min(_BLOCK_ROWS, len(image_ids) - start)
            file.write(rng.random((rows, dim), np.float32).tobytes())
            bar.update(rows)
