"""Both Flickr data sets as Kaggle has them: pictures in `Images/`, sentences in captions.txt, no split lists.

The file is comma separated with a header, `image,caption` or `image_name,comment_number,comment`; some copies put
sentences with a comma into quotes, others don't.
"""

import collections
import pathlib
import re
from collections.abc import Mapping, Sequence

from cmr.errors import DataError
from data_prep.datasets import drawn_splits, raw_dataset, text_files
from data_prep.datasets.raw_dataset import RawPictures, Sentence

CAPTIONS_TXT = "captions.txt"
IMAGE_DIRS = ("Images", "images")

# One line of Flickr30K lacks its second separator: "2199200615.jpg| 4   A dog runs across the grass ."
GLUED = re.compile(r"\s*(\d+)\s+(\S.*)")

_HEADERS = (("image", "caption"), ("image_name", "comment_number", "comment"))
_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"\s*')


def read_captions_txt(path: pathlib.Path) -> list[Sentence]:
    """Reads captions.txt.

    Raises:
      DataError: the header or a line is of another form, or an id stands twice.
    """
    header, *lines = text_files.read_lines(path)
    columns = tuple(cell.strip().lower() for cell in header.split(","))
    if columns not in _HEADERS:
        raise DataError(f"{path} begins with {header[:60]!r} and not with image,caption; fetch it again")
    said, numbers = [], []
    for number, line in enumerate(lines, start=2):
        # A sentence may hold commas, the name of a picture none.
        cells = [cell.strip() for cell in line.split(",", len(columns) - 1)]
        if len(columns) == 3 and len(cells) == 2 and (glued := GLUED.fullmatch(cells[1])):
            cells[1:] = glued.groups()
        image_id, *between = cells[:-1] or [""]
        if len(cells) < len(columns) or not image_id or not all(cell.isdecimal() for cell in between):
            raise DataError(f"{path}, line {number} is not '{header.strip()}': {line[:60]!r}; mend or remove the line")
        quoted = _QUOTED.fullmatch(cells[-1])
        said.append((image_id, quoted[1].replace('""', '"') if quoted else cells[-1]))
        numbers += between
    if not numbers:
        return raw_dataset.numbered(said)
    ids = [f"{image_id}#{number}" for (image_id, _), number in zip(said, numbers, strict=True)]
    twice = next((each for each, count in collections.Counter(ids).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"{path} has the id {twice} twice; remove one of the two lines")
    return [Sentence(each, image_id, text) for each, (image_id, text) in zip(ids, said, strict=True)]


def draw_splits(
    sentences: Sequence[Sentence], pictures: RawPictures, seed: int, share: int
) -> tuple[Mapping[str, Sequence[str]], str]:
    """Splits for a copy without split lists, and how they came about.

    Args:
      sentences: of all images.
      pictures: what pictures there are.
      seed: of the draw.
      share: as of `drawn_splits.draw_splits`.
    """
    with_sentences = dict.fromkeys(sentence.image_id for sentence in sentences)
    splits = drawn_splits.draw_splits([name for name in with_sentences if pictures.can_use(name)], seed, share)
    return splits, (
        f"no split lists are there: {len(splits['test']):,} test and {len(splits['val']):,} validation images are "
        f"drawn with seed {seed}, other ones than published numbers are of"
    )
