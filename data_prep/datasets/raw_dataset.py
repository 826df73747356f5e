"""What every reader of a raw data set returns: sentences with their images and splits, flaws, sources."""

import collections
import dataclasses
import os
import pathlib
import unicodedata
from collections.abc import Collection, Container, Iterable, Mapping, Sequence, Set

import pandas as pd

from cmr.errors import DataError
from cmr.workspace import checksums, names, paths, vocabulary
from cmr.workspace.captions import COLUMNS
from data_prep.datasets import checks

_PICTURE_ENDINGS = frozenset({".jpg", ".jpeg", ".png"})


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
        return f"{self.kind} ({len(self.names):,}): {names.first_few(self.names)}"

    @property
    def shows_all_names(self) -> bool:
        return len(self.names) <= names.MOST_SHOWN


# With slots: MSCOCO has 616,767 of them.
@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """One line of a caption file: the sentence as published, its id, its image."""

    caption_id: str
    image_id: str
    text: str


def numbered(said: Iterable[tuple[str, str]]) -> list[Sentence]:
    """Sentences with the ids `<image_id>#<n>`, n counting each image's from 0.

    Args:
      said: image id and sentence, an image's in the order of their numbers but not necessarily together.
    """
    counts: collections.Counter[str] = collections.Counter()
    sentences = []
    for image_id, text in said:
        sentences.append(Sentence(f"{image_id}#{counts[image_id]}", image_id, text))
        counts[image_id] += 1
    return sentences


@dataclasses.dataclass(frozen=True)
class RawPictures:
    """The pictures of a raw data set.

    Attributes:
      image_dir: their folder.
      present: the images that have one.
      file_names: image id -> path of its picture below `image_dir`, with `/`; an image that is not in it has its id as
        the path.
      required: whether an image without a picture is flawed; if not, it is kept for features computed elsewhere.
    """

    image_dir: pathlib.Path
    present: Set[str]
    file_names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    required: bool = True

    def file_name(self, image_id: str) -> str:
        return self.file_names.get(image_id, image_id)

    def can_use(self, image_id: str) -> bool:
        return image_id in self.present or not self.required


@dataclasses.dataclass(frozen=True)
class RawDataset:
    """A raw data set without what is flawed.

    Attributes:
      captions: columns `captions.COLUMNS`, train before val before test, the rows of an image together.
      image_dir: folder of the pictures; absolute, or relative to the data set's folder in the workspace.
      flaws: what was left out, and why.
      sources: file name -> SHA-256 of the raw text files.
      protocol: how the images came to their splits, in a sentence without its full stop.
      test_folds: equal parts of the test split that are evaluated apart and averaged.
      layout: what was taken for what, in a line; "" for a layout that leaves no choice.
    """

    captions: pd.DataFrame
    image_dir: str
    flaws: tuple[Flaw, ...]
    sources: Mapping[str, str]
    protocol: str = ""
    test_folds: int = 1
    layout: str = ""

    def split_sizes(self) -> dict[str, dict[str, int]]:
        """Images and captions of each split, as dataset.json keeps them."""
        sizes = {}
        for split in (*paths.SPLITS, paths.CAPTIONING):
            rows = self.captions[self.captions["split"] == split]
            if split in paths.SPLITS or len(rows):
                sizes[split] = {"images": rows["image_id"].nunique(), "captions": len(rows)}
        return sizes

    def refuse_flaws(self) -> None:
        """Raises DataError if the data set has flaws."""
        if self.flaws:
            listed = "; ".join(str(flaw) for flaw in self.flaws)
            raise DataError(f"the data set has flaws: {listed}. Mend them, or give --on_flaw=drop")


def picture_names(folder: pathlib.Path) -> frozenset[str]:
    """The names of the pictures in a folder.

    Raises:
      DataError: it holds none.
    """
    there = frozenset(_names(folder))
    if not there:
        raise DataError(f"{folder} holds no pictures; unpack the data set's pictures into it")
    return there


def pictures_in(data_dir: pathlib.Path, folders: Sequence[str], archive: str, required: bool) -> RawPictures:
    """The pictures of a data set whose image ids are the names of its pictures, all in one folder.

    Args:
      data_dir: of `--data_dir`.
      folders: where the pictures may lie below it; the first that is there is taken.
      archive: what they come in.
      required: whether the data set is of no use without them.

    Raises:
      DataError: they are required, and there is no such folder or no picture in it.
    """
    for name in folders:
        if (data_dir / name).is_dir():
            folder = (data_dir / name).resolve()
            return RawPictures(
                folder, picture_names(folder) if required else frozenset(_names(folder)), required=required
            )
    if required:
        raise DataError(
            f"{data_dir / folders[0]} is missing; unpack {archive} into {data_dir}, or give --pictures=optional to do "
            "without pictures"
        )
    return RawPictures((data_dir / folders[0]).resolve(), frozenset(), required=False)


def _names(folder: pathlib.Path) -> list[str]:
    # Archives leave files such as ._1.jpg, Thumbs.db and .DS_Store behind. A name that is not UTF-8 fits no list, and
    # stands among the flaws with escapes.
    with os.scandir(folder) as entries:
        return [
            entry.name.encode("utf-8", "backslashreplace").decode("utf-8")
            for entry in entries
            if pathlib.PurePath(entry.name).suffix.lower() in _PICTURE_ENDINGS and not entry.name.startswith(".")
        ]


def assemble(
    sentences: Sequence[Sentence],
    splits: Mapping[str, Sequence[str]],
    pictures: RawPictures,
    sources: Iterable[pathlib.Path],
    protocol: str = "",
    test_folds: int = 1,
    left_out: Container[str] = frozenset(),
    layout: str = "",
) -> RawDataset:
    """Brings sentences, splits and pictures together; what does not fit becomes a flaw.

    Args:
      sentences: of all images.
      splits: split -> image ids.
      pictures: what pictures there are.
      sources: the raw text files.
      protocol: as in `RawDataset`.
      test_folds: as in `RawDataset`.
      left_out: images that the protocol has no use for, which is no flaw of theirs.
      layout: as in `RawDataset`.

    Raises:
      DataError: no image of a split can be used, or an image's name or a sentence can't be kept in a file.
    """
    said = collections.defaultdict(list)
    wordless = []
    for sentence in sentences:
        checks.check_sentence(f"the sentence {names.visible(sentence.caption_id)}", sentence.text)
        if vocabulary.tokenize(sentence.text):
            said[sentence.image_id].append(sentence)
        else:
            wordless.append(sentence.caption_id)
    listed = [image_id for split in paths.SPLITS for image_id in splits[split]]
    for image_id in listed:
        checks.check_image_name("a split", image_id)
    in_a_split = frozenset(listed)
    present, can_use = pictures.present, pictures.can_use
    loose = [
        name
        for name in dict.fromkeys(sentence.image_id for sentence in sentences)
        if name not in in_a_split and name not in left_out and name not in present
    ]
    loose_kind = (
        "images with sentences but neither picture nor split"
        if pictures.required
        else "images with sentences in no split"
    )
    kinds = {
        "images of a split without a picture": [name for name in listed if not can_use(name)],
        loose_kind: loose,
        "pictures in no split": sorted(name for name in present - in_a_split if name not in left_out),
        "images of a split without a sentence": [name for name in listed if can_use(name) and name not in said],
        "sentences without a word": wordless,
    }
    rows = [
        (image_id, pictures.file_name(image_id), split, sentence.caption_id, sentence.text)
        for split in paths.SPLITS
        for image_id in splits[split]
        if can_use(image_id)
        for sentence in said.get(image_id, ())
    ]
    captions = pd.DataFrame(rows, columns=list(COLUMNS), dtype=str)
    for split in paths.SPLITS:
        if not (captions["split"] == split).any():
            lacking = f"both a picture in {pictures.image_dir} and a sentence" if pictures.required else "a sentence"
            raise DataError(
                f"none of the {len(splits[split]):,} images of the {split} split has {lacking}"
                f"{_first_unusable(splits[split], pictures, said)}; check that pictures, sentences and split lists are "
                "of the same data set"
            )
    return RawDataset(
        captions=captions,
        image_dir=str(pictures.image_dir),
        flaws=tuple(Flaw(kind, tuple(names)) for kind, names in kinds.items() if names),
        sources={path.name: checksums.files_sha256([path]) for path in sources},
        protocol=protocol,
        test_folds=test_folds,
        layout=layout,
    )


def _first_unusable(image_ids: Sequence[str], pictures: RawPictures, said: Collection[str]) -> str:
    """What the first image of a split lacks, for a message."""
    if not image_ids:
        return ""
    image_id = image_ids[0]
    shown = names.visible(image_id)
    if not pictures.can_use(image_id):
        path = pictures.image_dir / pictures.file_name(image_id)
        return f": for {shown} there is no {names.visible(str(path))}{_other_form(image_id, pictures.present)}"
    with_sentences = names.first_few(said) or "no image"
    return f": {shown} has none, sentences are there of {with_sentences}{_other_form(image_id, said)}"


def _other_form(name: str, others: Iterable[str]) -> str:
    """Says so where a name is there, but in another Unicode form; the two look the same."""
    composed = unicodedata.normalize("NFC", name)
    for other in others:
        if other != name and unicodedata.normalize("NFC", other) == composed:
            forms = ["NFC" if unicodedata.is_normalized("NFC", each) else "NFD" for each in (name, other)]
            return f" (there is one whose name is in the Unicode form {forms[1]} and not {forms[0]}: {other!a})"
    return ""


def check_complete(splits: Mapping[str, Sequence[str]], published: Mapping[str, int], source: str) -> None:
    """Checks the sizes of a complete data set; one of fewer images is somebody's part of it and may have any.

    Args:
      splits: split -> image ids.
      published: split -> how many images it has.
      source: what the splits came from, for the message.

    Raises:
      DataError: there are as many images as published, but in other splits.
    """
    sizes = {split: len(splits[split]) for split in published}
    if sum(sizes.values()) == sum(published.values()) and sizes != dict(published):
        there, meant = (" / ".join(f"{size:,}" for size in each.values()) for each in (sizes, published))
        raise DataError(
            f"{source} put {there} images into {', '.join(published)}, where {meant} are published; fetch the original"
        )
