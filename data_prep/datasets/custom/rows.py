"""What every form of a captions file comes down to: an image and what is said of it, and where that stands."""

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True)
class CaptionRow:
    """One image with sentences.

    Attributes:
      place: file and line or entry, for messages.
      image: its path as written.
      sentences: at least one.
      split: as written, "" for none.
    """

    place: str
    image: str
    sentences: tuple[str, ...]
    split: str


@dataclasses.dataclass(frozen=True)
class CaptionRows:
    """The rows of a file, read as they are asked for, and what was taken for what."""

    rows: Iterable[CaptionRow]
    layout: str
