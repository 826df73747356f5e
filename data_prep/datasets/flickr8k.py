"""Reads Flickr8K (Hodosh et al., 2013) as it comes out of Flickr8k_Dataset.zip and Flickr8k_text.zip."""

import pathlib

from cmr.errors import DataError
from data_prep.datasets import raw_dataset, text_files
from data_prep.datasets.raw_dataset import RawDataset, RawPictures

_TOKENS = "Flickr8k.token.txt"
_SPLIT_LISTS = {
    "train": "Flickr_8k.trainImages.txt",
    "val": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}

# "Flicker" is the archive's own spelling; the others are what unpacking into a folder of the archive's name gives.
_IMAGE_DIRS = ("Flicker8k_Dataset", "Flickr8k_Dataset/Flicker8k_Dataset", "Flickr8k_Dataset")
_TEXT_DIRS = ("Flickr8k_text", ".")


def read_flickr8k(data_dir: pathlib.Path, pictures_required: bool = True) -> RawDataset:
    """Reads the official pictures, sentences and split lists.

    Args:
      data_dir: holds `Flicker8k_Dataset/` and the text files, those in `Flickr8k_text/` or beside it.
      pictures_required: whether images without a picture are flawed.

    Raises:
      DataError: a folder or file is missing or not in its format; the message says which, and the mend.
    """
    if not data_dir.is_dir():
        raise DataError(f"--data_dir={data_dir} is not a folder; name the one that holds Flicker8k_Dataset")
    pictures = flickr8k_pictures(data_dir, pictures_required)
    text_dir = _text_dir(data_dir)
    token_file = text_dir / _TOKENS
    split_files = {split: text_dir / name for split, name in _SPLIT_LISTS.items()}
    return raw_dataset.assemble(
        sentences=text_files.read_token_file(token_file),
        splits=text_files.read_split_lists(split_files),
        pictures=pictures,
        sources=(token_file, *split_files.values()),
        protocol="the official split lists",
    )


def flickr8k_pictures(data_dir: pathlib.Path, required: bool) -> RawPictures:
    """The pictures of Flickr8k_Dataset.zip.

    Raises:
      DataError: they are required and not there.
    """
    return raw_dataset.pictures_in(data_dir, _IMAGE_DIRS, "Flickr8k_Dataset.zip", required)


def _text_dir(data_dir: pathlib.Path) -> pathlib.Path:
    for name in _TEXT_DIRS:
        if (data_dir / name / _TOKENS).exists():
            return (data_dir / name).resolve()
    raise DataError(f"{data_dir / _TEXT_DIRS[0] / _TOKENS} is missing; unpack Flickr8k_text.zip into {data_dir}")
