"""Refuses work that the disk has no room for, before it begins."""

import pathlib
import shutil

from cmr.errors import DataError

_UNITS = ("B", "kB", "MB", "GB", "TB")


def require(folder: pathlib.Path, needed: int, work: str, flag: str) -> None:
    """Makes sure that `folder`'s disk has room.

    Args:
      folder: where the work writes; it may not exist yet.
      needed: bytes.
      work: what needs them, for the message: `unpack train2014.zip`.
      flag: what names the folder, such as `--data_dir`.

    Raises:
      DataError: there is less.
    """
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DataError(
            f"it takes {readable(needed)} to {work}, and {folder} has {readable(free)} free; free some or name another "
            f"{flag}"
        )


def readable(size: int) -> str:
    """A number of bytes as people read it: `13.5 GB`."""
    value, unit = float(size), 0
    while value >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{size} B"
