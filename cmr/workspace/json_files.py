"""JSON files, read and written: whatever is wrong with one ends in a sentence that names the file and the mend."""

import json
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cmr.errors import CmrError, WorkspaceError
from cmr.workspace import atomic_files
from cmr.workspace.json_kinds import Kind

# A half of a surrogate pair can only come in as an escape, and no file or terminal takes it again.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_HALF_PAIR = re.compile(
    r"(?<!\\)(?:\\\\)*(?:(\\u[dD][89abAB]..)(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)(\\u[dD][c-fC-F]..))"
)


def read_json(path: str | os.PathLike, error_type: type[CmrError], mend: str, kind: Kind | None = None) -> Any:
    """Reads a JSON file: UTF-8, with or without a byte order mark.

    Args:
      path: of the file.
      error_type: what is raised.
      mend: what the user can do, such as "run data_prep.prepare again"; it ends the sentence.
      kind: what the content must be; without it any JSON will do.

    Raises:
      error_type: the file is missing, can't be read, is no JSON, or not of its kind; the first wrong key is named.
    """
    path = pathlib.Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise error_type(f"{path} is missing; {mend}") from error
    except OSError as error:
        raise error_type(f"{path} can't be read ({error.strerror}); {mend}") from error
    except UnicodeError as error:
        raise error_type(f"{path} is not UTF-8 text; {mend}") from error
    content = parse_json(text, str(path), error_type, mend)
    if kind is not None:
        check(path, content, kind, error_type, mend)
    return content


def parse_json(text: str, place: str, error_type: type[CmrError], mend: str) -> Any:
    """Reads JSON out of a text.

    Args:
      text: without a byte order mark.
      place: where it stands: a file, or a file and a line.
      error_type: what is raised.
      mend: as of `read_json`.

    Raises:
      error_type: it is no JSON, an object has a key twice (of which a reader would drop one), or a character is half a
        surrogate pair.
    """
    try:
        content = json.loads(text, object_pairs_hook=_without_repeated_keys)
    except RecursionError as error:
        raise error_type(f"{place} is nested too deeply to be read; {mend}") from error
    except ValueError as error:
        raise error_type(f"{place} is not JSON ({_one_line(error)}); {mend}") from error
    if _SURROGATE.search(text) and not _is_unicode(content):
        raise error_type(f"{place} is not UTF-8 text{_half_pair(text)}; {mend}")
    return content


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"an object has the key {next(key for key in record if keys.count(key) > 1)!a:.80} twice")
    return record


def _is_unicode(content: Any) -> bool:
    try:
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        return False
    return True


def _half_pair(text: str) -> str:
    """Where a text has half of a surrogate pair, for a message."""
    match = _HALF_PAIR.search(text)
    if match is None:
        return ""
    line, column = text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())
    return f", {match[1] or match[2]} being half a surrogate pair (line {line}, column {column})"


def check(path: str | os.PathLike, content: Any, kind: Kind, error_type: type[CmrError], mend: str) -> None:
    """Refuses what a file holds when it is not of a kind.

    Raises:
      error_type: naming the file and its first wrong key.
    """
    flaw = kind.flaw(content, "")
    if flaw is not None:
        raise error_type(f"{path} is damaged or of another version: {flaw}; {mend}")


def read_workspace_json(path: str | os.PathLike, kind: Kind, mend: str) -> Any:
    """The same for a file of the workspace.

    Raises:
      WorkspaceError: as `read_json`.
    """
    return read_json(path, WorkspaceError, mend, kind)


def write_json(
    path: str | os.PathLike, content: Mapping | Sequence, indent: int | None = 2, sort_keys: bool = False
) -> None:
    """Writes JSON as UTF-8 with a line's end behind it, atomically."""
    text = json.dumps(content, indent=indent, sort_keys=sort_keys, ensure_ascii=False)
    atomic_files.write_text(path, text + "\n")


def _one_line(error: ValueError) -> str:
    return " ".join(str(error).split())
