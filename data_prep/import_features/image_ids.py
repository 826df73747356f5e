"""Lists that name the image of each row: text of one name a line, or JSON."""

import os
import pathlib
import re
from typing import Any

from cmr.errors import DataError
from cmr.workspace import json_files, names
from data_prep.datasets import text_files


def read_image_ids(path: str | os.PathLike) -> list[str]:
    """Reads which image each row belongs to.

    Args:
      path: a text file with an image id, file name or path a line (a caption id `<image>#<n>`, with or without its
        sentence after a tab, names its image), or JSON: Karpathy's dataset json (`images[i].filename`, ordered by
        `imgid`), or a list of names.

    Raises:
      DataError: the file is missing, of another kind, or names no image or one that no list can hold.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not a file")
    image_ids = _json_image_ids(path) if path.suffix.lower() == ".json" else _listed_image_ids(path)
    if not image_ids:
        raise DataError(f"{path} names no image")
    for number, name in enumerate(image_ids, start=1):
        if names.breaks_lines(name):
            raise DataError(
                f"{path}: name {number}, {ascii(name)[:200]}, holds a line's end or a control character; mend it there"
            )
    return image_ids


def _listed_image_ids(path: pathlib.Path) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}); give a list of one image a line") from error
    if "\0" in text:
        raise DataError(f"{path} is not UTF-8 text, it holds zero bytes; give a list of one image a line")
    first_columns = (line.split("\t")[0].strip() for line in text_files.split_lines(text))
    return [re.sub(r"#\d+$", "", name) for name in first_columns if name]


def _json_image_ids(path: pathlib.Path) -> list[str]:
    mend = "give Karpathy's dataset json (images[i].filename), or a list of names"
    content = json_files.read_json(path, DataError, mend)
    if isinstance(content, list) and all(isinstance(name, str) for name in content):
        return content
    images: Any = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not all(
        isinstance(image, dict) and isinstance(image.get("filename"), str) for image in images
    ):
        raise DataError(f"{path} is not Karpathy's dataset json; {mend}")
    listed = [image["filename"] for image in images]
    numbers = [image.get("imgid") for image in images]
    # imgid is the column of vgg_feats.mat; a list of part of the data set has gaps and stands in its file's order.
    if all(isinstance(number, int) for number in numbers) and sorted(numbers) == list(range(len(listed))):
        return [name for _, name in sorted(zip(numbers, listed, strict=True))]
    return listed
