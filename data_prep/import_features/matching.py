"""Which image of the workspace a name in somebody else's list means.

A name fits an image as its image_id or file name stands, or else without folders, then without ending, then by its
number alone (COCO_val2014_000000000042.jpg is 42): the first that fits. Where both have folders, one path must be the
end of the other: `photos/dogs/1.jpg` is `dogs/1.jpg`, `cats/1.jpg` is not.
"""

import collections
import dataclasses
import pathlib
import re
import unicodedata
from collections.abc import Mapping, Sequence

import pandas as pd

from cmr.errors import DataError
from cmr.workspace import names

# From strict to lenient, as the report words them.
RULES = ("as they stand", "by path", "by file name", "by file name without ending", "by number")

_NUMBER = re.compile(r"(?:COCO_(?:train|val|test)[0-9]{4}_)?0*([0-9]+)")
_COCO_PART = re.compile(r"COCO_(train|val|test)([0-9]{4})_")


@dataclasses.dataclass(frozen=True)
class Matching:
    """Which image each listed name means, without the names that fit none.

    Attributes:
      image_of: listed name -> image_id. Two names never share an image.
      rule_of: listed name -> the one of `RULES` that it fits by.
    """

    image_of: Mapping[str, str]
    rule_of: Mapping[str, str]

    def __str__(self) -> str:
        counts = collections.Counter(self.rule_of.values())
        return ", ".join(f"{counts[rule]:,} {rule}" for rule in RULES if counts[rule])


@dataclasses.dataclass(frozen=True)
class _Spelling:
    """A name, taken apart.

    Attributes:
      forms: how it is compared by each of `RULES`; "" for not at all.
      folders: from the outermost.
      coco_part: `train` and `2014` of a name of MSCOCO's, or none.
    """

    forms: tuple[str, ...]
    folders: tuple[str, ...]
    coco_part: tuple[str, ...]

    def contradicts(self, other: "_Spelling") -> bool:
        shared = min(len(self.folders), len(other.folders))
        if shared and self.folders[-shared:] != other.folders[-shared:]:
            return True
        # In another year an image may be in another part.
        same_year = self.coco_part[1:] == other.coco_part[1:]
        return bool(self.coco_part and other.coco_part) and same_year and self.coco_part != other.coco_part


def match_images(listed: Sequence[str], images: pd.DataFrame) -> Matching:
    """Finds the image of the workspace that each listed name means.

    Args:
      listed: image ids, file names or paths; they may repeat.
      images: columns image_id and file_name, one row an image.

    Raises:
      DataError: a name fits several images, or several names fit an image, equally well.
    """
    image_of, rule_of = {}, {}
    waiting = {name: _spelling(name) for name in dict.fromkeys(listed)}
    unmatched = {
        image_id: [_spelling(name) for name in dict.fromkeys((image_id, file_name))]
        for image_id, file_name in zip(images["image_id"], images["file_name"], strict=True)
    }
    for number, rule in enumerate(RULES):
        images_by = collections.defaultdict(dict)
        for image_id, spellings in unmatched.items():
            for spelling in spellings:
                images_by[spelling.forms[number]].setdefault(image_id, []).append(spelling)
        # Of all names that may be an image, or all images that a name may be, one must be alone.
        meant: dict[str, list[str]] = {}
        names_of = collections.defaultdict(list)
        for name, spelling in waiting.items():
            form = spelling.forms[number]
            there = images_by.get(form, {}) if form else {}
            fitting = [each for each, its in there.items() if not all(map(spelling.contradicts, its))]
            if fitting:
                meant[name] = fitting
                for image_id in fitting:
                    names_of[image_id].append(name)
        for name, fitting in meant.items():
            if len(fitting) > 1 or len(names_of[fitting[0]]) > 1:
                several, image_ids = (sorted(each)[:2] for each in (names_of[fitting[0]], fitting))
                raise DataError(
                    f"{_shown(several, 'and')} of the id list may be {_shown(image_ids, 'or')} of the workspace; "
                    "use its ids"
                )
            image_of[name], rule_of[name] = fitting[0], rule
            del waiting[name], unmatched[fitting[0]]
    return Matching(image_of, rule_of)


def near_misses(image_id: str, listed: Sequence[str]) -> list[str]:
    """Listed names whose file name is an image's, but whose folders contradict it."""
    wanted = _spelling(image_id)
    alike = (name for name in dict.fromkeys(listed) if pathlib.PurePosixPath(name).name == wanted.forms[2])
    return [name for name in alike if _spelling(name).contradicts(wanted)]


def _spelling(name: str) -> _Spelling:
    plain = name.replace("\\", "/")
    # Two Unicode forms of a name look the same, and systems change one into the other.
    path = pathlib.PurePosixPath(plain if plain.isascii() else unicodedata.normalize("NFC", plain))
    number, part = _NUMBER.fullmatch(path.stem), _COCO_PART.match(path.stem)
    folders = tuple(folder for folder in path.parts[:-1] if folder != "/")
    forms = (name, str(path), path.name, path.stem, number[1] if number else "")
    return _Spelling(forms, folders, part.groups() if part else ())


def _shown(several: Sequence[str], word: str) -> str:
    # Names that only Unicode tells apart are told apart by their escapes.
    alike = len({unicodedata.normalize("NFC", name) for name in several}) < len(several)
    return f" {word} ".join(ascii(name) if alike else names.visible(name) for name in several)
