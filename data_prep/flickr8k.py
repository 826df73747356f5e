"""Reads Flickr8K (Hodosh et al., 2013) as it comes out of Flickr8k_Dataset.zip and Flickr8k_text.zip."""

import pathlib

from cmr import errors
from data_prep import raw_dataset

_TOKENS = "Flickr8k.token.txt"
_SPLIT_LISTS = {
    "train": "Flickr_8k.trainImages.txt",
    "val": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}

# "Flicker" is the archive's own spelling; the others are what unpacking into a folder of the archive's name gives.
_IMAGE_DIRS = ("Flicker8k_Dataset", "Flickr8k_Dataset/Flicker8k_Dataset", "Flickr8k_Dataset")
_TEXT_DIRS = ("Flickr8k_text", ".")


def read_flickr8k(data_dir: pathlib.Path) -> raw_dataset.RawDataset:
    """Reads the official pictures, sentences and split lists.

    Args:
      data_dir: holds `Flicker8k_Dataset/` and the text files, those in `Flickr8k_text/` or beside it.

    Raises:
      DataError: a folder or file is missing or not in its format; the message says which, and the mend.
    """
    if not data_dir.is_dir():
        raise errors.DataError(f"--data_dir={data_dir} is not a folder; name the one that holds Flicker8k_Dataset")
    image_dir = _first_folder(data_dir, _IMAGE_DIRS, "", "Flickr8k_Dataset.zip")
    text_dir = _first_folder(data_dir, _TEXT_DIRS, _TOKENS, "Flickr8k_text.zip")
    token_file = text_dir / _TOKENS
    split_files = {split: text_dir / name for split, name in _SPLIT_LISTS.items()}
    return raw_dataset.assemble(
        sentences=raw_dataset.read_token_file(token_file),
        splits=raw_dataset.read_split_lists(split_files),
        pictures=raw_dataset.picture_names(image_dir),
        image_dir=image_dir,
        sources=(token_file, *split_files.values()),
    )


def _first_folder(data_dir: pathlib.Path, names: tuple[str, ...], holding: str, archive: str) -> pathlib.Path:
    """The first of the named folders that is there, with the file `holding` if one is named."""
    for name in names:
        if (data_dir / name).is_dir() and (data_dir / name / holding).exists():
            return (data_dir / name).resolve()
    missing = "/".join(part for part in (names[0], holding) if part)
    raise errors.DataError(f"{data_dir / missing} is missing; unpack {archive} into {data_dir}")
