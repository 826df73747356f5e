"""Lists of names, one a line: a name may hold any character but a line break."""

import os
import pathlib
from collections.abc import Iterable

from cmr.errors import CmrError, DataError
from cmr.workspace import atomic_files


def check_items(items: Iterable[str], file_name: str, kind: str) -> None:
    """Refuses what a list can't hold.

    Args:
      items: the names.
      file_name: of the list.
      kind: what an item is, such as "image id".

    Raises:
      DataError: an item holds a line feed or a carriage return, or is no Unicode text.
    """
    for item in items:
        if "\n" in item or "\r" in item or not _is_unicode(item):
            raise DataError(
                f"the {kind} {item!a} holds a line break or is not UTF-8, which {file_name} can't hold; rename it"
            )


def write_lines(path: str | os.PathLike, items: Iterable[str], kind: str) -> None:
    """Writes items as UTF-8, each closed by a line feed, atomically.

    Args:
      path: of the list.
      items: without line breaks.
      kind: what an item is, such as "image id".

    Raises:
      DataError: as `check_items`; nothing is written.
    """
    items = list(items)
    check_items(items, pathlib.Path(path).name, kind)
    atomic_files.write_text(path, "".join(f"{item}\n" for item in items))


def read_lines(path: str | os.PathLike, error_type: type[CmrError], mend: str) -> list[str]:
    """Reads what `write_lines` wrote: only a line feed ends an item, whatever else Unicode calls the end of a line.

    Args:
      path: of the list.
      error_type: what is raised.
      mend: what the user can do; it ends the sentence.

    Raises:
      error_type: the file is missing, can't be read, is not UTF-8, or its last line was cut off.
    """
    path = pathlib.Path(path)
    try:
        # An editor may have put carriage returns before the line feeds; no item has one.
        text = path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise error_type(f"{path} is missing; {mend}") from error
    except OSError as error:
        raise error_type(f"{path} can't be read ({error.strerror}); {mend}") from error
    except UnicodeError as error:
        raise error_type(f"{path} can't be read, it is not UTF-8 text; {mend}") from error
    *items, rest = text.split("\n")
    if rest:
        raise error_type(f"{path} is cut off: its last line, {rest[:40]!r}, has no end; {mend}")
    return items


def _is_unicode(item: str) -> bool:
    try:
        item.encode("utf-8")
    except UnicodeError:
        return False
    return True
