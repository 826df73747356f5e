"""Files of flags: where a name leads to, and their lines in the place of `--flagfile`."""

import functools
import importlib.util
import pathlib
from collections.abc import Sequence

from cmr import shell
from cmr.errors import ConfigError


def find_flagfile(name: str) -> pathlib.Path:
    """A flagfile by its path; or, where none is there, one that is installed with `experiments`.

    An installed one is named as it lies in the project, `experiments/flagfiles/flickr8k/fusion.flags`, or below
    flagfiles/, with or without the ending: `flickr8k/fusion`.

    Raises:
      ConfigError: there is none.
    """
    path = shell.expanded(name)
    # Not `is_file`: a shell's <(...) is a pipe.
    if path.exists() and not path.is_dir():
        return path
    folder = installed_folder()
    if folder is not None and not path.is_absolute():
        for installed in (folder.parents[1] / name, folder / name, folder / f"{name}.flags"):
            if installed.is_file():
                return installed
    if path.is_dir():
        raise ConfigError(f"{name} is a folder; name a flagfile in it")
    among = f", neither here nor in {folder}" if folder is not None else ""
    raise ConfigError(f"{name} is no flagfile{among}; name a file of flags, one a line")


def expanded(arguments: Sequence[str]) -> list[str]:
    """A command's arguments with the lines of each flagfile in its place, so that what stands last counts.

    Lines are as absl reads them: empty ones and those that begin with # or // say nothing, and a line may name another
    flagfile.

    Raises:
      ConfigError: a flagfile is not there, is not text, or names itself.
    """
    return _expanded(arguments, ())


@functools.cache
def installed_folder() -> pathlib.Path | None:
    """The folder flagfiles/ of `experiments`; None where that is not installed."""
    # Only looked up: importing it would bring its flags.
    spec = importlib.util.find_spec("experiments")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    return pathlib.Path(places[0]) / "flagfiles" if places else None


def _expanded(arguments: Sequence[str], open_files: tuple[pathlib.Path, ...]) -> list[str]:
    told = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        name, equals, value = argument.partition("=")
        if argument == "--":
            return [*told, argument, *left]
        if name not in ("--flagfile", "-flagfile"):
            told.append(argument)
        elif value.strip() or (left and not equals):
            told += _lines(value.strip() if equals else left.pop(0), open_files)
        else:
            raise ConfigError("--flagfile names no file; write --flagfile=PATH")
    return told


def _lines(name: str, open_files: tuple[pathlib.Path, ...]) -> list[str]:
    path = find_flagfile(name)
    if path.resolve() in open_files:
        raise ConfigError(f"the flagfile {path} reads itself; take its --flagfile out")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"the flagfile {path} is not text in UTF-8 (byte {error.start}); save it as such") from error
    if "\0" in text:
        raise ConfigError(f"the flagfile {path} is not text; name a file of flags, one a line")
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith(("#", "//"))]
    try:
        return _expanded(told, (*open_files, path.resolve()))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
