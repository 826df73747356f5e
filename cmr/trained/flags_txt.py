"""What the flags.txt of a run or of a captioner says: the flags of the command that made it, a line each."""

import csv
import pathlib
from collections.abc import Sequence

from cmr.workspace.runs import Run


def read(run: Run) -> list[str]:
    """Its lines, such as `--margin=0.7`; none where there is no such file."""
    return run.flags_txt.read_text(encoding="utf-8").splitlines() if run.flags_txt.exists() else []


def value(lines: Sequence[str], name: str) -> str:
    """What a flag is set to; "" where it is not given."""
    given = [line.partition("=")[2] for line in lines if line.startswith(f"--{name}=")]
    return given[-1] if given else ""


def paths(lines: Sequence[str], name: str) -> list[str]:
    """The paths that a flag lists, such as those of `--teachers=a,b`; none where it is not given, or empty."""
    # As absl writes a list: a path with a comma stands in quotes.
    return [path for path in next(csv.reader([value(lines, name)]), []) if path]


def places(told: str, beside: pathlib.Path) -> list[pathlib.Path]:
    """Where a folder that a flag names may be: there, or, when all were moved together, in the folder `beside`."""
    folder = pathlib.Path(told).resolve()
    return [folder, beside / folder.name]
