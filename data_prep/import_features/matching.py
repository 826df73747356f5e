"""Which image of the workspace a name in somebody else's list means.

A name fits an image as its image_id or file name stands, or else without folders, then without ending, then by its
number alone (COCO_val2014_000000000042.jpg is 42): the first that fits.
"""

import collections
import pathlib
import re
from collections.abc import Sequence

import pandas as pd

from cmr.errors import DataError


def match_images(listed: Sequence[str], images: pd.DataFrame) -> dict[str, str]:
    """Finds the image of the workspace that each listed name means.

    Args:
      listed: image ids, file names or paths; they may repeat.
      images: columns image_id and file_name, one row an image.

    Returns:
      `{listed name: image_id}`, without the names that fit no image. Two names never share an image.

    Raises:
      DataError: a name fits several images, or several names fit an image, equally well.
    """
    matched, names = {}, dict.fromkeys(listed)
    unmatched = dict(zip(images["image_id"], images["file_name"], strict=True))
    for strictness in range(4):
        images_by, names_by = collections.defaultdict(set), collections.defaultdict(list)
        for image_id, file_name in unmatched.items():
            images_by[_spellings(image_id)[strictness]].add(image_id)
            images_by[_spellings(file_name)[strictness]].add(image_id)
        for name in names:
            names_by[_spellings(name)[strictness]].append(name)
        for shared in (images_by.keys() & names_by.keys()) - {""}:
            fitting, meant = names_by[shared], sorted(images_by[shared])
            if len(fitting) > 1 or len(meant) > 1:
                listed_names, image_ids = " and ".join(fitting[:2]), " or ".join(meant[:2])
                raise DataError(f"{listed_names} of the id list may be {image_ids} of the workspace; use its ids")
            matched[fitting[0]] = meant[0]
            del names[fitting[0]], unmatched[meant[0]]
    return matched


def _spellings(name: str) -> tuple[str, str, str, str]:
    """The name as it is, without folders, without ending, and its number alone or "": from strict to lenient."""
    path = pathlib.PurePosixPath(name.replace("\\", "/"))
    number = re.fullmatch(r"(?:COCO_(?:train|val|test)\d{4}_)?0*(\d+)", path.stem)
    return str(path), path.name, path.stem, number[1] if number else ""
