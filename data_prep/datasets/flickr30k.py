"""Reads Flickr30K (Young et al., 2014): its sentences in any of three forms, its pictures, and split lists."""

import pathlib

from cmr.errors import DataError
from data_prep.datasets import kaggle, raw_dataset, text_files
from data_prep.datasets.raw_dataset import RawDataset, RawPictures, Sentence

_TOKENS = "results_20130124.token"
_CSV = "results.csv"
# The folders that the archives in circulation unpack into.
_IMAGE_DIRS = (
    "flickr30k-images",
    "flickr30k_images/flickr30k_images",
    "flickr30k_images",
    "flickr30k-images/flickr30k-images",
    *kaggle.IMAGE_DIRS,
)
_TEXT_DIRS = (".", "flickr30k", "flickr30k_images")
_SPLIT_LISTS = {"train": ("train.txt",), "val": ("val.txt", "dev.txt"), "test": ("test.txt",)}

# Of the lists in general use, which the paper's 29,000 + 1,000 + 1,000 rounds.
COMPLETE = {"train": 29_000, "val": 1_014, "test": 1_000}

# A tenth or 1,000, which is what the lists have.
_DRAWN_SHARE = 10

_CSV_HEADER = ("image_name", "comment_number", "comment")


def read_flickr30k(data_dir: pathlib.Path, pictures_required: bool = True, seed: int = 0) -> RawDataset:
    """Reads the official pictures and sentences, and the split lists; or Kaggle's copies.

    Args:
      data_dir: holds `flickr30k-images/`, `results_20130124.token` (or Kaggle's `results.csv` or `captions.txt`), and
        `train.txt`, `val.txt` and `test.txt` with one image a line.
      pictures_required: whether images without a picture are flawed.
      seed: of the splits, where Kaggle's copy is without lists.

    Raises:
      DataError: a folder or file is missing or not in its format, or the complete lists are not 29,000 / 1,014 / 1,000.
    """
    if not data_dir.is_dir():
        raise DataError(f"--data_dir={data_dir} is not a folder; name the one that holds {_TOKENS}")
    pictures = flickr30k_pictures(data_dir, pictures_required)
    captions_file = _captions_file(data_dir)
    is_official = captions_file.name == _TOKENS
    layout = (
        "" if is_official else f"{captions_file.name} in the place of {_TOKENS}, pictures in {pictures.image_dir.name}"
    )
    if not is_official and not _has_lists(data_dir):
        sentences = _read_sentences(captions_file)
        splits, protocol = kaggle.draw_splits(sentences, pictures, seed, _DRAWN_SHARE)
        return raw_dataset.assemble(sentences, splits, pictures, (captions_file,), protocol, layout=layout)
    split_files = {split: _split_list(data_dir, names) for split, names in _SPLIT_LISTS.items()}
    listed = text_files.read_split_lists(split_files)
    # Lists of names without their ending are in use too.
    splits = {split: [_with_ending(name) for name in names] for split, names in listed.items()}
    raw_dataset.check_complete(splits, COMPLETE, f"the split lists in {data_dir}")
    return raw_dataset.assemble(
        sentences=_read_sentences(captions_file),
        splits=splits,
        pictures=pictures,
        sources=(captions_file, *split_files.values()),
        protocol="the split lists in general use",
        layout=layout,
    )


def flickr30k_pictures(data_dir: pathlib.Path, required: bool) -> RawPictures:
    """The pictures of flickr30k-images.tar.gz.

    Raises:
      DataError: they are required and not there.
    """
    return raw_dataset.pictures_in(data_dir, _IMAGE_DIRS, "flickr30k-images.tar.gz", required)


def read_results_csv(path: pathlib.Path) -> list[Sentence]:
    """Reads `image_name| comment_number| comment` lines, one of which is known to lack its second separator.

    Raises:
      DataError: the header or a line is of another form, or an id stands twice.
    """
    header, *lines = text_files.read_lines(path)
    if tuple(cell.strip() for cell in header.split("|")) != _CSV_HEADER:
        raise DataError(f"{path} does not begin with {'| '.join(_CSV_HEADER)!r}; fetch it again")
    sentences, seen = [], set()
    for number, line in enumerate(lines, start=2):
        image_id, _, rest = line.partition("|")
        image_id = image_id.strip()
        position, bar, text = rest.partition("|")
        if not bar and (glued := kaggle.GLUED.fullmatch(rest)):
            position, text = glued.groups()
        if not image_id or not position.strip().isdecimal():
            raise DataError(
                f"{path}, line {number} is not 'image| number| sentence': {line[:60]!r}; mend or remove the line"
            )
        caption_id = f"{image_id}#{position.strip()}"
        if caption_id in seen:
            raise DataError(f"{path}, line {number} has the id {caption_id} again; remove one of the two lines")
        seen.add(caption_id)
        sentences.append(Sentence(caption_id, image_id, text.strip()))
    return sentences


def _read_sentences(path: pathlib.Path) -> list[Sentence]:
    if path.suffix == ".token":
        return text_files.read_token_file(path)
    return read_results_csv(path) if path.name == _CSV else kaggle.read_captions_txt(path)


def _has_lists(data_dir: pathlib.Path) -> bool:
    return any((data_dir / name).exists() for names in _SPLIT_LISTS.values() for name in names)


def _captions_file(data_dir: pathlib.Path) -> pathlib.Path:
    for name in (_TOKENS, _CSV, kaggle.CAPTIONS_TXT):
        for folder in _TEXT_DIRS:
            if (data_dir / folder / name).is_file():
                return data_dir / folder / name
    raise DataError(f"{data_dir / _TOKENS} is missing, and so is {_CSV}; unpack flickr30k.tar.gz into {data_dir}")


def _split_list(data_dir: pathlib.Path, names: tuple[str, ...]) -> pathlib.Path:
    for name in names:
        if (data_dir / name).is_file():
            return data_dir / name
    raise DataError(
        f"{data_dir / names[0]} is missing; Flickr30K comes without split lists: put there a file of one image a line, "
        "or give Karpathy's with --karpathy_json=dataset_flickr30k.json"
    )


def _with_ending(name: str) -> str:
    return name if name.lower().endswith(".jpg") else f"{name}.jpg"
