"""The console script `cmr`: `cmr train` is `python -m cmr.train`; alone it lists the commands."""

import pathlib
import runpy
import sys

from cmr.cli import command

COMMANDS = ("train", "pretrain", "compare", "evaluate", "caption", "benchmark", "pack", "index", "search")


def main() -> None:
    """Runs the command that is named first; never returns."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h"):
        print(_list())
        sys.exit(0)
    if name not in COMMANDS:
        print(f"error: {name!r} is no command; choose {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(1)
    del sys.argv[1]
    # As a module of its own and not by an import, which would put the command `evaluate` in the place of the function.
    runpy.run_module(f"cmr.{name}", run_name="__main__", alter_sys=True)


def _list() -> str:
    folder = pathlib.Path(__file__).parent
    lines = [f"  {name:10} {_first_line(folder / f'{name}.py')}" for name in COMMANDS]
    return "\n".join(["cmr COMMAND --help lists a command's flags", "", *lines])


def _first_line(path: pathlib.Path) -> str:
    return command.source_docstring(path).splitlines()[0]


if __name__ == "__main__":
    main()
