"""What the flags.txt of a run or of a captioner says: the flags of the command that made it, a line each."""

from collections.abc import Sequence

from cmr.workspace.runs import Run


def read(run: Run) -> list[str]:
    """Its lines, such as `--margin=0.7`; none where there is no such file."""
    return run.flags_txt.read_text(encoding="utf-8").splitlines() if run.flags_txt.exists() else []


def paths(lines: Sequence[str], name: str) -> list[str]:
    """The paths that a flag names, such as those of `--teachers=a,b`; none where it is not given, or empty."""
    values = [line.partition("=")[2] for line in lines if line.startswith(f"--{name}=")]
    return [path for value in values for path in value.split(",") if path]
