"""Commands and paths as they are typed: what is printed can be pasted into a shell, and ~ is understood as there."""

import os
import pathlib
import re
import shlex
from collections.abc import Sequence

_COLUMNS = 100


def python_command(module: str, *arguments: str | os.PathLike) -> str:
    """`python -m module arguments`."""
    return " ".join(["python", "-m", module, *map(typed, arguments)])


def command_lines(module: str, flags: Sequence[str]) -> list[str]:
    """`python -m module flags` as lines of some hundred characters, each but the last with a backslash at its end."""
    lines = [python_command(module)]
    for flag in flags:
        word = typed(flag)
        if len(lines[-1]) + len(word) > _COLUMNS:
            lines[-1] += " \\"
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}"
    return lines


def tensorboard_command(folder: str | os.PathLike) -> str:
    """The command that shows a folder of events."""
    return f"tensorboard {typed(f'--logdir={folder}')}"


def expanded(path: str | os.PathLike) -> pathlib.Path:
    """A path whose leading ~ is a user's folder; of a user that is not known it stays, as in a shell."""
    # pathlib's own raises for such a user.
    return pathlib.Path(os.path.expanduser(path))  # noqa: PTH111


def typed(argument: str | os.PathLike) -> str:
    """An argument as a shell takes it; of a flag its value alone is quoted, where it must be."""
    flag = re.fullmatch(r"(--\w+=)(.+)", str(argument), re.DOTALL)
    return flag[1] + shlex.quote(flag[2]) if flag else shlex.quote(str(argument))
