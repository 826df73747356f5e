"""Writes files to a temporary name, then renames them: a killed run leaves no half file under a final name."""

import contextlib
import glob
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path beside `path` that replaces it when the block succeeds.

    Args:
      path: the final name; its folder is made when missing.

    Yields:
      A path in the same folder. On an exception it is removed and `path` stays as it was.
    """
    final = pathlib.Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(final)
    # The name keeps its ending: Keras, NumPy and Pillow choose the format by it.
    temporary = final.with_name(f".{os.getpid()}.tmp.{final.name}")
    try:
        yield temporary
        # Without the sync a power cut could leave an empty file under the final name.
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_leftovers(final: pathlib.Path) -> None:
    """Removes the temporary files of processes that were killed while they wrote `final`."""
    for leftover in final.parent.glob(f".*.tmp.{glob.escape(final.name)}"):
        pid = leftover.name.split(".")[1]
        if pid.isdigit() and not _is_alive(int(pid)):
            leftover.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes `text` as UTF-8 to `path`, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
