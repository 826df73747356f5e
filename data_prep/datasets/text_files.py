"""Reads the text files of raw data sets: lines, JSON, sentences with their ids, split lists."""

import codecs
import pathlib
from collections.abc import Mapping

from cmr.errors import DataError
from cmr.workspace import json_files
from data_prep.datasets.raw_dataset import Sentence


def read_lines(path: pathlib.Path) -> list[str]:
    """The lines of a UTF-8 text file without their ends and without empty ones at the end.

    Raises:
      DataError: the file is missing, empty or not UTF-8.
    """
    lines = split_lines(read_text(path))
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DataError(f"{path} is empty; fetch it again")
    return lines


def read_text(path: pathlib.Path) -> str:
    """A UTF-8 text file without its byte order mark, its line ends as they are.

    Raises:
      DataError: the file is missing or not UTF-8.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, where a file belongs; unpack the data set's files again")
    if not path.is_file():
        raise DataError(f"{path} is missing; unpack the data set's files again")
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{path} is not UTF-8 but UTF-16, as Excel's Unicode text is; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 (byte {error.start}); convert it, or fetch the original file again"
        ) from error


def split_lines(text: str) -> list[str]:
    """Lines as editors write them: ended by a line feed, with or without a carriage return before it.

    Not splitlines(): a sentence or a name may hold what Unicode calls a line's end, a lone carriage return too. A text
    without one line feed comes from an old Mac, whose lines end with carriage returns.
    """
    text = text.replace("\r\n", "\n")
    return text.split("\n" if "\n" in text else "\r")


def read_json_object(path: pathlib.Path) -> dict:
    """Reads a JSON file whose content is an object.

    Raises:
      DataError: it is missing, or not such a file.
    """
    content = json_files.read_json(path, DataError, "fetch it again, or name the file that you have")
    if not isinstance(content, dict):
        raise DataError(f"{path} is not JSON of an object; fetch the original")
    return content


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
            raise DataError(
                f"{path}, line {number} is not 'image#number <tab> sentence': {line[:60]!r}; mend or remove the line"
            )
        if caption_id in seen:
            raise DataError(f"{path}, line {number} has the id {caption_id} again; remove one of the two lines")
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
    list_of: dict[str, pathlib.Path] = {}
    for split, path in paths.items():
        splits[split] = [line.strip() for line in read_lines(path) if line.strip()]
        for image_id in splits[split]:
            if image_id in list_of:
                where = "twice" if list_of[image_id] == path else f"and in {list_of[image_id]}"
                raise DataError(f"image {image_id} is in {path} {where}; keep it in one split, once")
            list_of[image_id] = path
    return splits
