"""pipeline-<checksum>/: what the workers of one pipeline read and write, kept until the command has taken all of it."""

import hashlib
import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from cmr.errors import WorkspaceError
from cmr.pipelines.parts import Results
from cmr.workspace import atomic_files

_FOLDERS = "pipeline-*"

# Results of other settings than those asked for would be mistaken for them; this much of a SHA-256 tells them apart.
_NAME_DIGITS = 16

# Groups of items that go to a worker at once: enough that all workers have some to the end, each of whole batches.
_MOST_GROUPS = 64
_MOST_BATCHES = 8


class Work:
    """A pipeline's folder on the disk that all workers share.

    Args:
      folder: that it lies in, of which the command is the only writer.
      settings: that decide the results of an item; JSON. Workers of an earlier command with others, which may be at
        work still, write into another folder.
    """

    def __init__(self, folder: pathlib.Path, settings: Mapping[str, Any]):
        text = json.dumps(settings, sort_keys=True)
        checksum = hashlib.sha256(text.encode("utf-8")).hexdigest()
        # Workers have another working directory.
        self._above = folder.absolute()
        self.folder = self._above / f"pipeline-{checksum[:_NAME_DIGITS]}"

    @property
    def parts(self) -> pathlib.Path:
        """Folder of the results."""
        return self.folder / "parts"

    def begin(self) -> None:
        """Makes the folder, or goes on with what is there; those of other settings are removed."""
        for other in self._above.glob(_FOLDERS):
            if other != self.folder:
                atomic_files.remove_folder(other)
        self.parts.mkdir(parents=True, exist_ok=True)

    def results(self, forgotten: str = "") -> Results:
        """What workers have written; see `Results`."""
        # A client of NFS lists a folder as it was some seconds ago, unless it has changed it itself.
        looking = self.parts / f".{uuid.uuid4().hex}"
        looking.touch()
        looking.unlink()
        return Results(self.parts, forgotten)

    def write_items(self, items: Iterable[list[str]], batch_size: int) -> "Items":
        """Writes what is to be done, for the workers.

        Args:
          items: each the key of its result, and what else a worker needs of it; any text, surrogates too.
          batch_size: items that a worker takes at once.
        """
        for old in self.folder.glob("items-*.jsonl"):
            old.unlink(missing_ok=True)
        # Under a name of its own: workers of a command that was killed may read theirs still.
        path = self.folder / f"items-{uuid.uuid4().hex}.jsonl"
        offsets = [0]
        with atomic_files.atomic_path(path) as temporary, open(temporary, "wb") as file:
            for item in items:
                offsets.append(offsets[-1] + file.write(json.dumps(item).encode("ascii") + b"\n"))
        size = batch_size * min(max((len(offsets) - 1) // (_MOST_GROUPS * batch_size), 1), _MOST_BATCHES)
        last = len(offsets) - 1
        return Items(path, tuple((offsets[start], min(size, last - start)) for start in range(0, last, size)))


class Items:
    """A list of items on the shared disk, in groups.

    Args:
      path: of the list, JSON of an item a line.
      groups: of each, where it begins in bytes, and how many items it has.
    """

    def __init__(self, path: pathlib.Path, groups: tuple[tuple[int, int], ...]):
        self.path, self.groups = path, groups

    def lines(self, group: tuple[int, int]) -> Iterable[str]:
        """The items of a group, each still as a line of ASCII.

        Raises:
          WorkspaceError: this worker does not see the list.
        """
        begin, count = group
        try:
            with open(self.path, "rb") as file:
                file.seek(begin)
                return [file.readline().decode("ascii") for _ in range(count)]
        except OSError as error:
            raise not_shared(self.path, error) from error


def not_shared(path: str | os.PathLike, error: OSError) -> WorkspaceError:
    """The error of a worker that can't read what the command wrote, or reads."""
    return WorkspaceError(
        f"a worker can't read {os.fspath(path)} ({error.strerror}); it must lie on a disk that the workers share with "
        "the command, under the same path"
    )


def remove(folder: pathlib.Path) -> None:
    """Removes what pipelines have left in a folder, once all of it is taken or is of no more use."""
    for work in folder.glob(_FOLDERS):
        shutil.rmtree(work, ignore_errors=True)
