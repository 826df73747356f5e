"""The folder of what an experiment writes to measure, which is gone afterwards."""

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

from cmr.errors import ConfigError


@contextlib.contextmanager
def work_folder(name: str, parent: str = "") -> Iterator[pathlib.Path]:
    """A new folder that is removed at the end, whatever ends it.

    Args:
      name: what its own name begins with.
      parent: of --work_dir, where it lies; "": among the system's temporary files.

    Raises:
      ConfigError: the parent is no folder.
    """
    if parent and not pathlib.Path(parent).is_dir():
        raise ConfigError(f"--work_dir={parent} is no folder; make it, or name another one")
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=parent or None) as folder:
        yield pathlib.Path(folder)
