"""What workers leave on the shared disk: each part a file, the results of some items, found again by their keys.

A part has a name of its own, so a worker that does again what a lost one did replaces nothing and doubles nothing: of
two results of one key either is taken.
"""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import uuid
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cmr.errors import WorkspaceError
from cmr.workspace import atomic_files, numpy_files

ROWS, UNREADABLE = "rows", "unreadable"

# Parts that are held in memory at once. Workers take items in their order, so few are asked for again.
_PARTS_AT_ONCE = 4


@dataclasses.dataclass(frozen=True)
class Part:
    """Results of some items.

    Attributes:
      kind: `ROWS`, `UNREADABLE`, or another one of who makes them.
      keys: of the items.
      arrays: by name, each with a first axis of the items.
      reasons: of each item, why it is unreadable; none for other kinds.
    """

    kind: str
    keys: Sequence[str]
    arrays: Mapping[str, np.ndarray]
    reasons: Sequence[str] = ()


# With slots: a data set may have millions.
@dataclasses.dataclass(frozen=True, slots=True)
class Located:
    """Where the result of an item lies.

    Attributes:
      kind: of its part.
      file: of its part.
      place: among the part's items.
    """

    kind: str
    file: pathlib.Path
    place: int


def write(folder: pathlib.Path, part: Part) -> None:
    """Writes a part whole or not at all; any number of workers may do so at once."""
    words = json.dumps({"keys": list(part.keys), "reasons": list(part.reasons)}).encode("ascii")
    path = folder / f"{part.kind}-{len(part.keys)}-{uuid.uuid4().hex}.npz"
    with atomic_files.atomic_path(path) as temporary:
        np.savez(temporary, words=np.frombuffer(words, np.uint8), **part.arrays)


def count(folder: pathlib.Path) -> int:
    """Results in a folder by the files' names, those of the same item each for itself."""
    return sum(int(name.split("-")[1]) for name in _names(folder))


class Results:
    """All parts of a folder.

    Args:
      folder: may be missing. Parts whose names can't be read are removed, and so are those of `forgotten`.
      forgotten: a kind whose items are to be done again.
    """

    def __init__(self, folder: pathlib.Path, forgotten: str = ""):
        self._located: dict[str, Located] = {}
        self._read = functools.lru_cache(maxsize=_PARTS_AT_ONCE)(_read)
        for name in sorted(_names(folder)):
            file, kind = folder / name, name.split("-")[0]
            try:
                if kind == forgotten:
                    raise ValueError(kind)
                with np.load(file, allow_pickle=False) as arrays:
                    keys = _words(arrays)["keys"]
            except numpy_files.UNREADABLE:
                file.unlink(missing_ok=True)
                continue
            for place, key in enumerate(keys):
                self._located.setdefault(key, Located(kind, file, place))

    def __len__(self) -> int:
        return len(self._located)

    def __contains__(self, key: str) -> bool:
        return key in self._located

    def __iter__(self) -> Iterator[str]:
        return iter(self._located)

    def __getitem__(self, key: str) -> Located:
        return self._located[key]

    def part(self, located: Located) -> Part:
        """The part that a result lies in.

        Raises:
          WorkspaceError: it is damaged.
        """
        try:
            return self._read(located.file)
        except numpy_files.UNREADABLE as error:
            raise WorkspaceError(f"{located.file} is damaged; remove it and run the same command again") from error

    def value(self, located: Located, name: str) -> np.ndarray:
        """The item's own row of one of the part's arrays."""
        return self.part(located).arrays[name][located.place]

    def reason(self, located: Located) -> str:
        """Why the item is unreadable."""
        return self.part(located).reasons[located.place]


def _read(file: pathlib.Path) -> Part:
    with np.load(file, allow_pickle=False) as arrays:
        words = _words(arrays)
        others = {name: arrays[name] for name in arrays.files if name != "words"}
    return Part(file.name.split("-")[0], words["keys"], others, words["reasons"])


def _words(arrays: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
    return json.loads(arrays["words"].tobytes())


def _names(folder: pathlib.Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.name.endswith(".npz") and not entry.name.startswith(".")]
    return []
