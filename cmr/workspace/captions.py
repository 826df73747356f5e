"""captions.csv: one row a sentence, with its image and split."""

import csv
import io
import os
import pathlib
import re
from collections.abc import Collection
from typing import NamedTuple

import pandas as pd

from cmr.errors import WorkspaceError
from cmr.workspace import atomic_files, line_files
from cmr.workspace.paths import CAPTIONING, SPLITS

# What retrieval is measured on.
EVALUATED = ("val", "test")

COLUMNS = ("image_id", "file_name", "split", "caption_id", "caption")

# Names that are no other photograph's, in whatever folder: of Flickr8K, a few with a letter for the size and one with a
# number behind, and of MSCOCO's releases of 2014.
_LONG_NAME = re.compile(
    r"(?:.*/)?(?:(?P<flickr>[0-9]+)_[0-9a-f]{10}(?:_[a-z])?\.jpe?g(?:\.[0-9]+)?"
    r"|COCO_(?:train|val)2014_(?P<coco>[0-9]{12})\.jpg)"
)


def write_captions(path: str | os.PathLike, captions: pd.DataFrame) -> None:
    """Writes captions.csv atomically: UTF-8, a header, the columns of `COLUMNS`, every value a string in quotes.

    Raises:
      DataError: an image's id can't stand in a list of ids, as image_ids.txt is.
    """
    line_files.check_items(captions["image_id"], "image_ids.txt", "image id")
    with atomic_files.atomic_path(path) as temporary:
        # pandas leaves a lone carriage return bare otherwise, and reads it back as the end of a line.
        captions.to_csv(temporary, index=False, columns=list(COLUMNS), quoting=csv.QUOTE_ALL)


def read_captions(path: str | os.PathLike) -> pd.DataFrame:
    """Reads captions.csv.

    Returns:
      A frame with the string columns of `COLUMNS`; the rows of an image stand together, in the file's order.

    Raises:
      WorkspaceError: the file is missing or damaged, lacks a column or a value, repeats a caption id, or puts an image
        into two splits or into one of another name.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise WorkspaceError(f"{path} is missing; run data_prep.prepare")
    try:
        content = path.read_bytes()
        # pandas would read what comes before a cut, and what a crash of the machine filled up with zeros.
        if not content.endswith(b"\n") or b"\0" in content:
            raise ValueError("it is cut off or holds zero bytes")
        captions = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise WorkspaceError(f"{path} can't be read ({reason}); run data_prep.prepare again") from error
    missing = [column for column in COLUMNS if column not in captions.columns]
    if missing:
        raise WorkspaceError(f"{path} lacks the column {missing[0]}; run data_prep.prepare again")
    captions = captions[list(COLUMNS)]
    flaw = _flaw(captions)
    if flaw is not None:
        raise WorkspaceError(f"{path} {flaw}; run data_prep.prepare again")
    return captions


def _flaw(captions: pd.DataFrame) -> str | None:
    # pandas fills a row that was cut off.
    absent = captions.isna() | (captions == "")
    # A sentence may be empty.
    absent["caption"] = captions["caption"].isna()
    if absent.to_numpy().any():
        row = absent.any(axis=1).idxmax()
        return f"has no {absent.loc[row].idxmax()} in its row {row + 1}"
    if captions["caption_id"].duplicated().any():
        twice = captions["caption_id"][captions["caption_id"].duplicated()].iloc[0]
        return f"has the caption id {twice} twice"
    others = captions["split"][~captions["split"].isin((*SPLITS, CAPTIONING))]
    if len(others):
        return f"has a split {others.iloc[0]!r}, not {' or '.join(SPLITS)}"
    splits = captions.groupby("image_id", sort=False)["split"].nunique()
    if (splits > 1).any():
        return f"puts image {splits.idxmax()} into two splits"
    begins = captions["image_id"] != captions["image_id"].shift()
    apart = captions["image_id"][begins & captions["image_id"].duplicated()]
    if len(apart):
        return f"has the rows of image {apart.iloc[0]} apart from each other"
    return None


def images_of(captions: pd.DataFrame) -> pd.DataFrame:
    """One row an image (image_id, file_name, split), in the order of the images' first sentences."""
    columns = ["image_id", "file_name", "split"]
    return captions.drop_duplicates("image_id")[columns].reset_index(drop=True)


def photograph(image_id: str) -> str:
    """The photograph of an image by its shortest name, which Flickr30K and MSCOCO 2017 give it.

    Flickr8K's name has the photograph's secret too, MSCOCO 2014's the release. That a photograph of Flickr is one of
    MSCOCO, which numbers them anew, can't be told.

    >>> photograph("1000268201_693b08cb0e.jpg"), photograph("1000268201.jpg"), photograph("scene_12.png")
    ('1000268201.jpg', '1000268201.jpg', 'scene_12.png')
    """
    match = _LONG_NAME.fullmatch(image_id)
    return f"{match['flickr'] or match['coco']}.jpg" if match else image_id


class EvaluatedImages(NamedTuple):
    """Images of the val and test splits.

    Attributes:
      counts: such as `3 of the val split and 1 of the test split`.
      example: id of one of them.
    """

    counts: str
    example: str


def evaluated_among(captions: pd.DataFrame, learnt: Collection[str]) -> EvaluatedImages | None:
    """The images of the val and test splits that something has learnt from; None where it has learnt from none.

    Args:
      captions: the schema above.
      learnt: ids of the images that it learnt from, in this data set or in another one of the same photographs.
    """
    images = images_of(captions)
    photographs = images["image_id"].map(photograph)
    met = images[images["split"].isin(EVALUATED) & photographs.isin(set(map(photograph, learnt)))]
    if met.empty:
        return None
    counts = [(int((met["split"] == split).sum()), split) for split in EVALUATED]
    text = " and ".join(f"{count} of the {split} split" for count, split in counts if count)
    return EvaluatedImages(text, met["image_id"].iloc[0])


def captioner_split(captions: pd.DataFrame) -> str:
    """The split that captioners and CNNs of the data set's own learn from: `captioning` where there is one."""
    return CAPTIONING if (captions["split"] == CAPTIONING).any() else "train"


def in_split(captions: pd.DataFrame, split: str) -> pd.DataFrame:
    """The rows of one split.

    Raises:
      WorkspaceError: the split is empty.
    """
    rows = captions[captions["split"] == split].reset_index(drop=True)
    if rows.empty:
        raise WorkspaceError(f"captions.csv has no image in the {split} split; check the split lists and prepare")
    return rows
