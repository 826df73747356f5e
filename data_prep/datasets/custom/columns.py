"""Which column (or key) holds the image, which the sentence, which the split: by the names in use."""

import dataclasses
import re
from collections.abc import Iterable, Sequence

from cmr.workspace import names

# The first that is there is taken. Spaces, hyphens, underscores and capitals don't count: `File Name` is `filename`.
IMAGE_NAMES = ("image", "imagepath", "imagefile", "imagename", "filename", "filepath", "path", "file", "img", "picture")
SENTENCE_NAMES = ("caption", "captions", "sentence", "sentences", "text", "title", "description", "comment", "raw")
SPLIT_NAMES = ("split", "subset", "partition", "set")

EXPECTED = (
    "an image (a column such as image, file_name, filepath or image_path) and a sentence (such as caption, text, title "
    "or sentence)"
)


@dataclasses.dataclass(frozen=True)
class Columns:
    """Names of columns as the file has them; `split` is "" where there is none."""

    image: str
    sentence: str
    split: str

    def __str__(self) -> str:
        split = f", splits from {names.visible(self.split)!r}" if self.split else ""
        return f"images from {names.visible(self.image)!r}, sentences from {names.visible(self.sentence)!r}{split}"


def choose(column_names: Iterable[str]) -> Columns | None:
    """The columns that hold image, sentence and split; None where there is no image or no sentence."""
    given = list(column_names)
    image, sentence = (_first(given, in_use) for in_use in (IMAGE_NAMES, SENTENCE_NAMES))
    return Columns(image, sentence, choose_split(given)) if image and sentence else None


def choose_split(column_names: Iterable[str]) -> str:
    """The column that holds the split; "" where there is none."""
    return _first(list(column_names), SPLIT_NAMES)


def _first(column_names: Sequence[str], in_use: Sequence[str]) -> str:
    """The name of a column that is in use, the most usual one; "" where there is none."""
    named = {_plain(name): name for name in reversed(column_names)}
    return next((named[name] for name in in_use if name in named), "")


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()
