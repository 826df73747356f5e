"""What every reader of a raw data set returns: sentences with their images and splits, flaws, sources."""

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence, Set

import pandas as pd

from cmr import captions as captions_lib
from cmr import checksums, errors, vocabulary
from cmr import workspace as workspace_lib

_PICTURE_ENDINGS = frozenset({".jpg", ".jpeg", ".png"})

# More names than this make a line that nobody reads; dataset.json has them all.
_NAMES_SHOWN = 10
_NAMES_OF_MANY = 3


@dataclasses.dataclass(frozen=True)
class Flaw:
    """Something in the raw data that can't be used.

    Attributes:
      kind: what is wrong, such as "images in no split".
      names: every image or sentence concerned, in the order of the raw data.
    """

    kind: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        shown, rest = self.names, ""
        if len(shown) > _NAMES_SHOWN:
            shown, rest = shown[:_NAMES_OF_MANY], ", ..."
        return f"{len(self.names):,} {self.kind}: {', '.join(shown)}{rest}"

    @property
    def shows_all_names(self) -> bool:
        return len(self.names) <= _NAMES_SHOWN


@dataclasses.dataclass(frozen=True)
class Sentence:
    """One line of a caption file: the sentence as published, its id, its image."""

    caption_id: str
    image_id: str
    text: str


@dataclasses.dataclass(frozen=True)
class RawDataset:
    """A raw data set without what is flawed.

    Attributes:
      captions: columns `captions.COLUMNS`, train before val before test, the rows of an image together.
      image_dir: folder of the pictures; absolute, or relative to the data set's folder in the workspace.
      flaws: what was left out, and why.
      sources: file name -> SHA-256 of the raw text files.
    """

    captions: pd.DataFrame
    image_dir: str
    flaws: tuple[Flaw, ...]
    sources: Mapping[str, str]

    def refuse_flaws(self) -> None:
        """Raises DataError if the data set has flaws."""
        if self.flaws:
            listed = "; ".join(str(flaw) for flaw in self.flaws)
            raise errors.DataError(f"the data set has flaws: {listed}. Mend them, or give --on_flaw=drop")


def read_lines(path: pathlib.Path) -> list[str]:
    """The lines of a UTF-8 text file without their ends and without empty ones at the end.

    Raises:
      DataError: the file is missing, empty or not UTF-8.
    """
    if not path.is_file():
        raise errors.DataError(f"{path} is missing; unpack the data set's files again")
    try:
        # Not splitlines(): a sentence may hold a character that Unicode calls a line's end.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise errors.DataError(
            f"{path} is not UTF-8 (byte {error.start}); convert it, or fetch the original file again"
        ) from error
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise errors.DataError(f"{path} is empty; fetch it again")
    return lines


def read_token_file(path: pathlib.Path) -> list[Sentence]:
    """Reads `<image_id>#<n> <tab> sentence` lines, the format of both Flickr data sets.

    Raises:
      DataError: a line is not of that form, or an id stands twice.
    """
    sentences, seen = [], set()
    for number, line in enumerate(read_lines(path), start=1):
        caption_id, tab, text = line.partition("\t")
        image_id, _, position = caption_id.rpartition("#")
        if not tab or not image_id or not position.isdecimal():
            raise errors.DataError(
                f"{path}, line {number} is not 'image#number <tab> sentence': {line[:60]!r}; mend or remove the line"
            )
        if caption_id in seen:
            raise errors.DataError(f"{path}, line {number} has the id {caption_id} again; remove one of the two lines")
        seen.add(caption_id)
        sentences.append(Sentence(caption_id, image_id, text))
    return sentences


def read_split_lists(paths: Mapping[str, pathlib.Path]) -> dict[str, list[str]]:
    """Reads the list of images of each split: one image a line.

    Args:
      paths: split -> file.

    Raises:
      DataError: an image stands twice, in one list or in two.
    """
    splits: dict[str, list[str]] = {}
    found_in: dict[str, pathlib.Path] = {}
    for split, path in paths.items():
        splits[split] = [line.strip() for line in read_lines(path) if line.strip()]
        for image_id in splits[split]:
            if image_id in found_in:
                where = "twice" if found_in[image_id] == path else f"and in {found_in[image_id]}"
                raise errors.DataError(f"image {image_id} is in {path} {where}; keep it in one split, once")
            found_in[image_id] = path
    return splits


def picture_names(folder: pathlib.Path) -> frozenset[str]:
    """The names of the pictures in a folder.

    Raises:
      DataError: it holds none.
    """
    # Archives leave files such as ._1.jpg, Thumbs.db and .DS_Store behind.
    names = frozenset(
        path.name
        for path in folder.iterdir()
        if path.suffix.lower() in _PICTURE_ENDINGS and not path.name.startswith(".")
    )
    if not names:
        raise errors.DataError(f"{folder} holds no pictures; unpack the data set's pictures into it")
    return names


def assemble(
    sentences: Sequence[Sentence],
    splits: Mapping[str, Sequence[str]],
    pictures: Set[str],
    image_dir: pathlib.Path,
    sources: Iterable[pathlib.Path],
) -> RawDataset:
    """Brings sentences, splits and pictures together; what does not fit becomes a flaw.

    Args:
      sentences: of all images; an image's id is the name of its picture.
      splits: split -> image ids.
      pictures: names of the pictures there are.
      image_dir: their folder.
      sources: the raw text files.

    Raises:
      DataError: no image of a split can be used.
    """
    said = collections.defaultdict(list)
    wordless = []
    for sentence in sentences:
        if vocabulary.tokenize(sentence.text):
            said[sentence.image_id].append(sentence)
        else:
            wordless.append(sentence.caption_id)
    listed = [image_id for split in workspace_lib.SPLITS for image_id in splits[split]]
    in_a_split = frozenset(listed)
    named = dict.fromkeys(sentence.image_id for sentence in sentences)
    kinds = {
        "images of a split without a picture": [name for name in listed if name not in pictures],
        "images with sentences but neither picture nor split": [
            name for name in named if name not in pictures and name not in in_a_split
        ],
        "pictures in no split": sorted(pictures - in_a_split),
        "images of a split without a sentence": [name for name in listed if name in pictures and name not in said],
        "sentences without a word": wordless,
    }
    rows = [
        (image_id, image_id, split, sentence.caption_id, sentence.text)
        for split in workspace_lib.SPLITS
        for image_id in splits[split]
        if image_id in pictures
        for sentence in said.get(image_id, ())
    ]
    captions = pd.DataFrame(rows, columns=list(captions_lib.COLUMNS), dtype=str)
    for split in workspace_lib.SPLITS:
        if not (captions["split"] == split).any():
            raise errors.DataError(
                f"none of the {len(splits[split]):,} images of the {split} split has both a picture in {image_dir} and "
                "a sentence; check that pictures, sentences and split lists are of the same data set"
            )
    return RawDataset(
        captions=captions,
        image_dir=str(image_dir),
        flaws=tuple(Flaw(kind, tuple(names)) for kind, names in kinds.items() if names),
        sources={path.name: checksums.files_sha256([path]) for path in sources},
    )
