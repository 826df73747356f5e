"""shards/<k>-of-<n>/: parts of a folder that several machines fill, each item in that of its name's hash.

    shard = Shard.parse("3/16")
    own = [name for name in names if shard.holds(name)]
    folder = shard.folder(home)                           # home/shards/3-of-16

A new item is of one shard, and no other changes.
"""

import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Mapping, Sequence

from cmr import shell
from cmr.errors import ConfigError, WorkspaceError

SHARDS = "shards"

# Folders of a part each: more would be slower to open than to search.
MOST = 9999


@dataclasses.dataclass(frozen=True, order=True)
class Shard:
    """One of `count` parts.

    Attributes:
      index: from 1 to `count`.
      count: of all parts.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Reads `3/16`.

        Raises:
          ConfigError: it is no part of so many.
        """
        numbers = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        shard = cls(*map(int, numbers.groups())) if numbers else cls(0, 0)
        if not 1 <= shard.index <= shard.count <= MOST:
            raise ConfigError(f"{text!r:.40} is no shard; they are 1/16 to 16/16 of 16, of {MOST} at most")
        return shard

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def folder(self, home: pathlib.Path) -> pathlib.Path:
        """Where it lies below the folder whose part it is."""
        return home / SHARDS / f"{self.index}-of-{self.count}"

    def holds(self, name: str | bytes) -> bool:
        """Whether an item is of this part."""
        return index_of(name, self.count) == self.index


def index_of(name: str | bytes, count: int) -> int:
    """The shard of an item, from 1 to `count`: the first eight bytes of its name's SHA-256, the same on every machine.

    Args:
      name: an image id, or a path as bytes; a text is taken as UTF-8.
      count: of the shards.
    """
    content = name.encode("utf-8") if isinstance(name, str) else name
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % count + 1


def all_of(count: int) -> list[Shard]:
    """Every shard of a number of them, in their order."""
    return [Shard(index, count) for index in range(1, count + 1)]


def begun(home: pathlib.Path) -> list[Shard]:
    """The shards that have a folder below `home`, of whatever counts; they need not be whole."""
    shards = map(of_folder, (home / SHARDS).glob("*-of-*"))
    return sorted(shard for shard in shards if shard is not None)


def of_folder(folder: pathlib.Path) -> Shard | None:
    """The shard that lies in a folder; None where the folder is no shard's."""
    numbers = re.fullmatch(r"([0-9]{1,9})-of-([0-9]{1,9})", folder.name)
    return Shard(*map(int, numbers.groups())) if numbers and folder.parent.name == SHARDS else None


def flag_of(folder: pathlib.Path) -> str:
    """` --shard=3/16` behind a command that writes a shard's folder; "" for another folder."""
    shard = of_folder(folder)
    return f" --shard={shard}" if shard else ""


def count_of(home: pathlib.Path, count: int | None = None) -> int:
    """How many shards a folder is divided into.

    Args:
      home: the folder.
      count: the one that is meant where there are shards of several counts.

    Raises:
      WorkspaceError: there are none, none of `count`, or those of several counts and nobody says which.
    """
    counts = sorted({shard.count for shard in begun(home)})
    if count in counts:
        return count
    if not counts or count is not None:
        of_count = f" of {count}" if count is not None else ""
        there = f" (there are those of {_listed(counts)})" if counts else ""
        raise WorkspaceError(
            f"{home / SHARDS} holds no shards{of_count}{there}; make them with --shard=1/{count or 16} and so on"
        )
    if len(counts) > 1:
        raise WorkspaceError(
            f"{home / SHARDS} holds shards of {_listed(counts)}; remove those that are not wanted, or tell the command "
            f"that merges how many it shall take, such as --shards={counts[-1]}"
        )
    return counts[0]


def require_ready(home: pathlib.Path, unready: Mapping[Shard, str], command: Sequence[str]) -> None:
    """Refuses to go on without shards; all of them are named, and the command that makes them.

    Args:
      home: the folder that is divided.
      unready: shards that are to be made -> what is wrong with each, such as "missing".
      command: module and arguments of the command that makes one, but for --shard.

    Raises:
      WorkspaceError: there are any.
    """
    if not unready:
        return
    by_reason: dict[str, list[Shard]] = {}
    for shard, reason in sorted(unready.items()):
        by_reason.setdefault(reason, []).append(shard)
    said = ", ".join(
        f"{_listed([shard.index for shard in shards])} {'is' if len(shards) == 1 else 'are'} {reason}"
        for reason, shards in by_reason.items()
    )
    count = next(iter(unready)).count
    raise WorkspaceError(f"of the {count} shards of {home} {said}; run: {making(sorted(unready), command)}")


def making(shards: Sequence[Shard], command: Sequence[str]) -> str:
    """The line for a shell that makes shards, one after the other.

    Args:
      shards: of one count, at least one.
      command: module and arguments of the command that makes one, but for --shard.
    """
    if len(shards) == 1:
        return shell.python_command(*command, f"--shard={shards[0]}")
    indexes = " ".join(str(shard.index) for shard in shards)
    return f"for k in {indexes}; do {shell.python_command(*command)} --shard=$k/{shards[0].count}; done"


def _listed(numbers: Sequence[int]) -> str:
    """`3`, `3 and 7`, `3, 7 and 12`."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last
