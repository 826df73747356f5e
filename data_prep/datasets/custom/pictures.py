"""Finds the pictures that a captions file names, below the folder of the data."""

import pathlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from cmr.errors import DataError
from cmr.workspace import names
from data_prep.datasets import checks
from data_prep.datasets.raw_dataset import RawPictures

# Where pictures lie whose names are given without their folder.
_FOLDERS = ("images", "Images", "pictures", "photos")


def image_id(place: str, image: str, data_dir: pathlib.Path) -> str:
    """The path of a picture from `data_dir`, with `/`, which is the image's id.

    Args:
      place: what names it, for messages.
      image: as it is written there: from `data_dir`, or absolute but below it.
      data_dir: of `--data_dir`.

    Raises:
      DataError: it is not below `data_dir`, or it can't stand in a list of names.
    """
    written = image.strip().replace("\\", "/")
    if not written:
        raise DataError(f"{place} has no image or no caption; give both as text")
    checks.check_image_name(place, written)
    path = pathlib.PurePosixPath(written)
    if path.is_absolute():
        for folder in (data_dir.absolute(), data_dir.resolve()):
            if path.is_relative_to(folder.as_posix()):
                path = path.relative_to(folder.as_posix())
                break
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:/", written) or not path.name:
        raise DataError(f"{place}: the image {names.visible(image)} is not below --data_dir; give its path from there")
    return str(path)


def locate(data_dir: pathlib.Path, image_ids: Iterable[str], folders: Sequence[str], required: bool) -> RawPictures:
    """Looks for each image's picture: as its id says, and in the folders where pictures usually lie.

    A name may be stored in either of Unicode's forms, whichever the list has: they look the same.

    Args:
      data_dir: of `--data_dir`.
      image_ids: paths from there.
      folders: further places to look.
      required: whether an image without a picture is flawed.
    """
    places = [place for place in dict.fromkeys((*folders, *_FOLDERS)) if (data_dir / place).is_dir()]
    present, file_names = set(), {}
    for name in image_ids:
        file_name = next((each for each in _candidates(name, places) if _is_file(data_dir / each)), None)
        if file_name is None:
            continue
        present.add(name)
        if file_name != name:
            file_names[name] = file_name
    return RawPictures(data_dir.resolve(), present, file_names, required)


def elsewhere(pictures: RawPictures) -> str:
    """The folders in which pictures lie that are named without them, for the line of what was taken for what."""
    folders = {
        file_name.removesuffix(f"/{name}")
        for name, file_name in pictures.file_names.items()
        if file_name.endswith(name)
    }
    return f"; pictures in {names.first_few(sorted(folders))}" if folders else ""


def _candidates(name: str, places: Sequence[str]) -> Iterator[str]:
    forms = [name]
    if not name.isascii():
        forms += [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    for place in ("", *(f"{each}/" for each in places)):
        for form in forms:
            yield place + form


def _is_file(path: pathlib.Path) -> bool:
    try:
        return path.is_file()
    # A name longer than the system's are, such as a sentence in the column of the image.
    except OSError:
        return False
