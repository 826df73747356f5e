"""Commands as they are printed, read back."""

import shlex
from collections.abc import Sequence


def words(lines: Sequence[str]) -> list[str]:
    """The words of a command that may go over several lines."""
    # A shell drops a line's end behind a backslash, which shlex keeps.
    return shlex.split("\n".join(lines).replace("\\\n", " "))
