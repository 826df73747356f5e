"""Reads Flickr8K (Hodosh et al., 2013) as it comes out of Flickr8k_Dataset.zip and Flickr8k_text.zip."""

import pathlib

from cmr.errors import DataError
from data_prep.datasets import kaggle, raw_dataset, text_files
from data_prep.datasets.raw_dataset import RawDataset, RawPictures

_TOKENS = "Flickr8k.token.txt"
_SPLIT_LISTS = {
    "train": "Flickr_8k.trainImages.txt",
    "val": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}

# "Flicker" is the archive's own spelling; the others are what unpacking into a folder of the archive's name gives.
_IMAGE_DIRS = ("Flicker8k_Dataset", "Flickr8k_Dataset/Flicker8k_Dataset", "Flickr8k_Dataset", *kaggle.IMAGE_DIRS)
_TEXT_DIRS = ("Flickr8k_text", ".")

# An eighth is the 1,000 images of the official lists.
_DRAWN_SHARE = 8


def read_flickr8k(data_dir: pathlib.Path, pictures_required: bool = True, seed: int = 0) -> RawDataset:
    """Reads the official pictures, sentences and split lists, or Kaggle's copy.

    Args:
      data_dir: holds `Flicker8k_Dataset/` and the text files, those in `Flickr8k_text/` or beside it; or Kaggle's
        `Images/` and `captions.txt`, with the official split lists or without.
      pictures_required: whether images without a picture are flawed.
      seed: of the splits, where Kaggle's copy is without lists.

    Raises:
      DataError: a folder or file is missing or not in its format; the message says which, and the mend.
    """
    if not data_dir.is_dir():
        raise DataError(f"--data_dir={data_dir} is not a folder; name the one that holds Flicker8k_Dataset")
    pictures = flickr8k_pictures(data_dir, pictures_required)
    captions_file = _captions_file(data_dir)
    is_official = captions_file.name == _TOKENS
    read = text_files.read_token_file if is_official else kaggle.read_captions_txt
    lists_dir = captions_file.parent if is_official else _lists_dir(data_dir)
    layout = (
        "" if is_official else f"{captions_file.name} in the place of {_TOKENS}, pictures in {pictures.image_dir.name}"
    )
    if lists_dir is None:
        sentences = read(captions_file)
        splits, protocol = kaggle.draw_splits(sentences, pictures, seed, _DRAWN_SHARE)
        return raw_dataset.assemble(sentences, splits, pictures, (captions_file,), protocol, layout=layout)
    split_files = {split: lists_dir / name for split, name in _SPLIT_LISTS.items()}
    return raw_dataset.assemble(
        sentences=read(captions_file),
        splits=text_files.read_split_lists(split_files),
        pictures=pictures,
        sources=(captions_file, *split_files.values()),
        protocol="the official split lists",
        layout=layout,
    )


def flickr8k_pictures(data_dir: pathlib.Path, required: bool) -> RawPictures:
    """The pictures of Flickr8k_Dataset.zip.

    Raises:
      DataError: they are required and not there.
    """
    return raw_dataset.pictures_in(data_dir, _IMAGE_DIRS, "Flickr8k_Dataset.zip", required)


def _captions_file(data_dir: pathlib.Path) -> pathlib.Path:
    for name in (_TOKENS, kaggle.CAPTIONS_TXT):
        for folder in _TEXT_DIRS:
            if (data_dir / folder / name).exists():
                return (data_dir / folder).resolve() / name
    raise DataError(f"{data_dir / _TEXT_DIRS[0] / _TOKENS} is missing; unpack Flickr8k_text.zip into {data_dir}")


def _lists_dir(data_dir: pathlib.Path) -> pathlib.Path | None:
    """The folder that holds any of the split lists."""
    folders = (data_dir / name for name in _TEXT_DIRS)
    return next((each for each in folders if any((each / name).exists() for name in _SPLIT_LISTS.values())), None)
