"""The reader of each raw data set that lies in a folder, by the data set's name."""

import dataclasses
import pathlib

from cmr import shell
from cmr.errors import ConfigError
from data_prep.datasets import flickr8k, flickr30k, karpathy, mscoco
from data_prep.datasets.custom import reading
from data_prep.datasets.raw_dataset import RawDataset


@dataclasses.dataclass(frozen=True)
class Choices:
    """What a user may choose of a raw data set.

    Attributes:
      pictures_required: whether images without a picture are flawed.
      karpathy_json: path of a file of Karpathy's, "" for none.
      captions_file: path of a custom data set's file, "" for its usual name.
      coco_protocol: of `mscoco.PROTOCOLS`.
      coco_restval: whether MSCOCO's remaining validation images are training images.
      split_seed: of splits that are drawn.
    """

    pictures_required: bool = True
    karpathy_json: str = ""
    captions_file: str = ""
    coco_protocol: str = "random_1k"
    coco_restval: bool = False
    split_seed: int = 0


_FLICKR = {
    "flickr8k": (flickr8k.read_flickr8k, flickr8k.flickr8k_pictures),
    "flickr30k": (flickr30k.read_flickr30k, flickr30k.flickr30k_pictures),
}


def read(dataset: str, data_dir: pathlib.Path, choices: Choices) -> RawDataset:
    """Reads `flickr8k`, `flickr30k`, `mscoco` or `custom`.

    Args:
      dataset: which one.
      data_dir: its folder.
      choices: those of other data sets have no effect, but the paths of files, which are refused.

    Raises:
      ConfigError: a file is given that the data set does not read.
      DataError: the data is not in its layout.
    """
    if choices.captions_file and dataset != "custom":
        raise ConfigError(f"--captions_file is of --dataset=custom; leave it out for {dataset}")
    if choices.karpathy_json and (
        dataset == "custom" or (dataset == "mscoco" and choices.coco_protocol == "random_1k")
    ):
        raise ConfigError(
            f"--karpathy_json is not read by --dataset={dataset}"
            + (
                " with --coco_protocol=random_1k; choose a karpathy protocol"
                if dataset == "mscoco"
                else "; leave it out"
            )
        )
    if dataset == "custom":
        return reading.read_custom(data_dir, choices.captions_file, choices.split_seed, choices.pictures_required)
    if dataset == "mscoco":
        return mscoco.read_mscoco(
            data_dir,
            choices.coco_protocol,
            choices.coco_restval,
            choices.split_seed,
            choices.karpathy_json,
            choices.pictures_required,
        )
    read_official, read_pictures = _FLICKR[dataset]
    if choices.karpathy_json:
        path = shell.expanded(choices.karpathy_json)
        return karpathy.read_karpathy(path, dataset, read_pictures(data_dir, choices.pictures_required))
    return read_official(data_dir, choices.pictures_required, choices.split_seed)
