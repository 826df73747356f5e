"""Reads Karpathy's dataset_flickr8k.json, dataset_flickr30k.json and dataset_coco.json: sentences and splits in one.

https://cs.stanford.edu/people/karpathy/deepimagesent: `images` of `filename`, `split` (train, val, test; restval for
the validation images of MSCOCO that are left over), `sentences` of `raw`, for MSCOCO `filepath`, the picture's folder.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from cmr.errors import DataError
from data_prep.datasets import raw_dataset, text_files
from data_prep.datasets.raw_dataset import RawDataset, RawPictures, Sentence

_SPLITS = ("train", "val", "test", "restval")

# Images of the complete files.
COMPLETE = {
    "flickr8k": {"train": 6_000, "val": 1_000, "test": 1_000, "restval": 0},
    "flickr30k": {"train": 29_000, "val": 1_014, "test": 1_000, "restval": 0},
    "coco": {"train": 82_783, "val": 5_000, "test": 5_000, "restval": 30_504},
}


@dataclasses.dataclass(frozen=True)
class KarpathyData:
    """One file's content.

    Attributes:
      sentences: of all images, in the file's order; an image's id is its file name.
      splits: `train`, `val`, `test`, `restval` -> image ids, in the file's order, which the folds of MSCOCO follow.
      folders: image id -> folder of its picture, "" where the file names none.
    """

    sentences: Sequence[Sentence]
    splits: Mapping[str, Sequence[str]]
    folders: Mapping[str, str]


def read_json(path: pathlib.Path, dataset: str) -> KarpathyData:
    """Reads a file of Karpathy's.

    Args:
      path: the file.
      dataset: `flickr8k`, `flickr30k` or `coco`, as the file names itself.

    Raises:
      DataError: it is missing, of another form or another data set, or complete but with other splits than published.
    """
    images = _images(path, dataset)
    sentences, folders = [], {}
    splits: dict[str, list[str]] = {split: [] for split in _SPLITS}
    for number, image in enumerate(images, start=1):
        try:
            image_id, split = image["filename"], image["split"]
            texts = [sentence["raw"] for sentence in image["sentences"]]
            if split not in splits or not all(isinstance(text, str) for text in (image_id, *texts)):
                raise ValueError
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}, image {number} lacks filename, a split of {', '.join(_SPLITS)} or sentences with raw; "
                "fetch the original"
            ) from error
        if image_id in folders:
            raise DataError(f"{path} has the image {image_id} twice; fetch the original")
        folders[image_id] = image.get("filepath", "")
        splits[split].append(image_id)
        sentences += [Sentence(f"{image_id}#{position}", image_id, text) for position, text in enumerate(texts)]
    raw_dataset.check_complete(splits, COMPLETE[dataset], str(path))
    return KarpathyData(sentences, splits, folders)


def read_karpathy(path: pathlib.Path, dataset: str, pictures: RawPictures) -> RawDataset:
    """Reads Flickr8K or Flickr30K with Karpathy's sentences and splits.

    Args:
      path: `dataset_flickr8k.json` or `dataset_flickr30k.json`.
      dataset: which of the two.
      pictures: of the data set.

    Raises:
      DataError: as `read_json`, or a split has no image to use.
    """
    content = read_json(path, dataset)
    return raw_dataset.assemble(
        sentences=content.sentences,
        splits={split: content.splits[split] for split in ("train", "val", "test")},
        pictures=pictures,
        sources=(path,),
        protocol=f"the splits of {path.name}",
    )


def _images(path: pathlib.Path, dataset: str) -> list:
    content = text_files.read_json_object(path)
    if not isinstance(content.get("images"), list) or not content["images"]:
        raise DataError(f"{path} has no list of images; give a dataset_{dataset}.json of Karpathy's")
    named = content.get("dataset", dataset)
    if named != dataset:
        raise DataError(f"{path} is of {named}; give Karpathy's dataset_{dataset}.json")
    return content["images"]
