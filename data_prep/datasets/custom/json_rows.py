"""Captions in JSON: an object a line, a list of objects, sentences by image, or MSCOCO's images and annotations."""

import json
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from cmr.errors import DataError
from cmr.workspace import json_files, names
from data_prep.datasets import text_files
from data_prep.datasets.custom import columns
from data_prep.datasets.custom.rows import CaptionRow, CaptionRows

_WRITE = "write one of image and caption a line"
_FORMS = (
    "give a list of objects with image and caption, an object of sentences by image, or MSCOCO's images and annotations"
)
# Where an object holds the list of its entries.
_LIST_KEYS = ("images", "data", "annotations")
# Of a sentence that is an object, as Karpathy's are.
_TEXT_KEYS = ("raw", "caption", "text", "sentence")


def read_json_lines(path: pathlib.Path) -> CaptionRows:
    """Opens a file of one JSON object a line; empty lines are skipped.

    Raises:
      DataError: the file is missing, not UTF-8, or its first line is no object of an image with sentences. Reading the
        rows raises it for the others.
    """
    entries = _lines(path, text_files.read_lines(path))
    return _of_entries(path, entries, "an object a line")


def read_json(path: pathlib.Path) -> CaptionRows:
    """Reads a JSON file of any of the forms; one with an object a line, as many are named .json, too.

    Raises:
      DataError: the file is missing, no JSON, or of none of the forms.
    """
    lines = text_files.read_lines(path)
    if len(lines) > 1 and _is_object(lines[0]):
        return read_json_lines(path)
    content = json_files.parse_json("\n".join(lines), str(path), DataError, "mend it there")
    if isinstance(content, dict):
        if is_coco_shaped(content):
            return CaptionRows(_coco_rows(path, content), f"{path.name}, MSCOCO's form: images and annotations")
        listed = next((content[key] for key in _LIST_KEYS if isinstance(content.get(key), list)), None)
        if listed is None and columns.choose(content) is not None:
            listed = [content]
        if listed is None:
            return CaptionRows(_rows_by_image(path, content), f"{path.name}, sentences by image")
        content = listed
    if not isinstance(content, list):
        raise DataError(f"{path} is JSON, but neither a list nor an object; {_FORMS}")
    entries = ((f"{path}, entry {number}", entry) for number, entry in enumerate(content, start=1))
    return _of_entries(path, entries, "a list of objects")


def is_coco_shaped(content: Any) -> bool:
    """Whether JSON is of MSCOCO's form: `images` of `id` and `file_name`, `annotations` of `image_id` and `caption`."""
    return (
        isinstance(content, dict)
        and isinstance(content.get("images"), list)
        and isinstance(content.get("annotations"), list)
    )


def _lines(path: pathlib.Path, lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            place = f"{path}, line {number}"
            yield place, json_files.parse_json(line, place, DataError, _WRITE)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _of_entries(path: pathlib.Path, entries: Iterator[tuple[str, Any]], form: str) -> CaptionRows:
    first = next(entries, None)
    if first is None:
        return CaptionRows((), f"{path.name}, {form}")
    taken = columns.choose(first[1]) if isinstance(first[1], dict) else None
    layout = f"{path.name}, {form}: {taken}"

    def rows() -> Iterator[CaptionRow]:
        yield _row(*first)
        for place, entry in entries:
            yield _row(place, entry)

    return CaptionRows(rows(), layout)


def _row(place: str, entry: Any) -> CaptionRow:
    if not isinstance(entry, dict):
        raise DataError(f"{place} is not a JSON object; {_WRITE}")
    chosen = columns.choose(entry)
    if chosen is None:
        keys = names.first_few(list(map(repr, entry))) or "(none)"
        raise DataError(f"{place} has the keys {keys}; it must have {columns.EXPECTED}")
    image, said = _text(place, entry[chosen.image]), _sentences(place, entry[chosen.sentence])
    return CaptionRow(place, image, said, _split(entry))


def _split(entry: dict) -> str:
    """The split that an object names; "" where it names none."""
    name = columns.choose_split(entry)
    return str(entry[name] or "") if name else ""


def _rows_by_image(path: pathlib.Path, content: dict) -> Iterator[CaptionRow]:
    for image, said in content.items():
        yield CaptionRow(f"{path}, {names.visible(image)!r}", image, _sentences(f"{path}, {image!r:.80}", said), "")


def _coco_rows(path: pathlib.Path, content: dict) -> Iterator[CaptionRow]:
    file_names, split_of = {}, {}
    for number, image in enumerate(content["images"], start=1):
        place = f"{path}, entry {number} of images"
        if not isinstance(image, dict) or not isinstance(image.get("id"), (int, str)):
            raise DataError(f"{place} has no id; give it id and file_name")
        if image["id"] in file_names:
            raise DataError(f"{place} has the id {image['id']!r:.40} again; give each image its own")
        file_names[image["id"]] = _text(place, image.get("file_name"))
        split_of[image["id"]] = _split(image)
    for number, note in enumerate(content["annotations"], start=1):
        place = f"{path}, entry {number} of annotations"
        image_id = note.get("image_id") if isinstance(note, dict) else None
        if not isinstance(image_id, (int, str)) or image_id not in file_names:
            raise DataError(f"{place} has the image_id {image_id!r:.40}, which no entry of images has; mend it")
        said = _sentences(place, note.get("caption"))
        yield CaptionRow(place, file_names[image_id], said, _split(note) or split_of[image_id])


def _sentences(place: str, said: Any) -> tuple[str, ...]:
    """The sentences in a text, or in a list of texts or of objects with a text."""
    listed = said if isinstance(said, list) else [said]
    texts = [
        next((each[key] for key in _TEXT_KEYS if key in each), None) if isinstance(each, dict) else each
        for each in listed
    ]
    if not texts:
        raise DataError(f"{place} has no caption; give it a sentence, or leave it out")
    return tuple(_text(place, text) for text in texts)


def _text(place: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DataError(f"{place} has no image or no caption; give both as text")
    return value
