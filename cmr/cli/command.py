"""Runs a command: flags first, TensorFlow later, a user's error as one sentence and exit code 1."""

import ast
import contextlib
import errno
import io
import os
import pathlib
import re
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol, TypeVar

from absl import flags

from cmr.cli import flag_kinds, flagfiles, help_text, startup
from cmr.errors import CmrError, ConfigError

Define = TypeVar("Define", bound=Callable[[], None])


class FlagGroup(Protocol):
    """A function that defines flags which belong together.

    Attributes:
      title: of the group in `--help`.
      positional: the flag of the group, one with many values, that takes what is given without a name; "" for none.
    """

    title: str
    positional: str

    def __call__(self) -> None: ...


def flag_group(title: str, positional: str = "") -> Callable[[Define], Define]:
    """Marks a function as a `FlagGroup`."""

    def mark(define: Define) -> Define:
        define.title = title
        define.positional = positional
        return define

    return mark


def run(
    main: Callable[[], None],
    doc: str | None,
    groups: Sequence[FlagGroup],
    check_flags: Callable[[], None] | None = None,
    uses_tensorflow: bool = True,
) -> None:
    """Defines and parses the command's flags, then calls `main`; never returns.

    absl's flags are left as they were before, so that a process can call several commands, or one several times.

    Args:
      main: the command. It takes nothing: it reads `flags.FLAGS`.
      doc: what `--help` prints first: the command module's docstring, None where Python was told to drop those (-OO).
      groups: functions that define flags.
      check_flags: raises ConfigError for flags that can't go together, before TensorFlow is imported.
      uses_tensorflow: whether to import TensorFlow (quietly, and only once the flags are known to be good).
    """
    _write_any_text()
    with _terminated_by_exception(), _flags_of([_common_flags, *groups]) as titles:
        code = _run(main, doc, groups, titles, check_flags, uses_tensorflow)
    sys.exit(code)


def _write_any_text() -> None:
    """Lets an output whose encoding lacks a letter of a path or a caption write it as \\u and its number."""
    for stream in (sys.stdout, sys.stderr):
        # A notebook's own takes any text.
        if isinstance(stream, io.TextIOWrapper) and (stream.errors == "strict" or stream.encoding.lower() != "utf-8"):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _flags_of(groups: Sequence[FlagGroup]) -> Iterator[list[tuple[str, list[str]]]]:
    """Defines the groups' flags for a while; after it, absl's flags are as they were before.

    Yields:
      titles of the groups, each with the names of its flags.
    """
    values = flags.FLAGS
    before = {name: dict(values[name].__dict__) for name in values}
    was_parsed, gnu_getopt = values.is_parsed(), values.is_gnu_getopt()
    own = []
    try:
        try:
            titles = _define(groups)
        finally:
            # Not what libraries define at their import, which comes once.
            own = [name for name in values if name not in before]
        yield titles
    finally:
        for name in own:
            delattr(values, name)
        values.set_gnu_getopt(gnu_getopt)
        if not was_parsed:
            values.unparse_flags()
        for name, state in before.items():
            values[name].__dict__.update(state)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl+C does."""


@contextlib.contextmanager
def _terminated_by_exception() -> Iterator[None]:
    """SIGTERM raises `_Terminated`, so that what is open is closed; a second one does not disturb that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(*_) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _run(
    main: Callable[[], None],
    doc: str | None,
    groups: Sequence[FlagGroup],
    titles: Sequence[tuple[str, list[str]]],
    check_flags: Callable[[], None] | None,
    uses_tensorflow: bool,
) -> int:
    try:
        if "--help" in sys.argv[1:] or "-h" in sys.argv[1:]:
            print(help_text.of_command(doc or source_docstring(main.__code__.co_filename), titles), flush=True)
            return 0
        positional = next((group.positional for group in groups if group.positional), "")
        # Flags may follow what has no name.
        flags.FLAGS.set_gnu_getopt(bool(positional))
        unparsed = flags.FLAGS([sys.argv[0], *flagfiles.expanded(sys.argv[1:])])[1:]
        if unparsed and positional:
            flags.FLAGS[positional].parse(unparsed)
        elif unparsed:
            raise ConfigError(f"{unparsed[0]!r} is not a flag; flags are written --name=value (--help lists them)")
        if check_flags is not None:
            check_flags()
        if uses_tensorflow:
            startup.import_tensorflow(show_logs=flags.FLAGS.tensorflow_logs)
        main()
        sys.stdout.flush()
    except CmrError as error:
        return _fail(_one_line(error))
    except flags.Error as error:
        return _fail(_flag_error(error))
    except _Terminated:
        return _fail("stopped by SIGTERM; the same command goes on from what is already written", code=143)
    except KeyboardInterrupt:
        return _fail("stopped; the same command goes on from what is already written", code=130)
    except BrokenPipeError:
        # Whoever read the output has enough of it; Python would complain once more when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(_os_error(error))
    except Exception as error:
        if _is_full_disk(error):
            return _fail("no space left on the disk; free some and run the same command again")
        if _is_out_of_memory(error):
            return _fail(_out_of_memory())
        raise
    return 0


@flag_group("Everywhere")
def _common_flags() -> None:
    flags.DEFINE_bool("tensorflow_logs", False, "Show TensorFlow's own start-up messages.")
    flags.DEFINE_bool("help", False, "Print this help and stop.")


def separate_flags(groups: Sequence[FlagGroup]) -> flags.FlagValues:
    """The flags that a command of these groups has, apart from those of the command that runs; not parsed yet."""
    separate = flags.FlagValues()
    # Groups define into absl's one set; its state and the separate set's change places meanwhile.
    _exchange(flags.FLAGS, separate)
    try:
        _define([_common_flags, *groups])
    finally:
        _exchange(flags.FLAGS, separate)
    return separate


def flag_names(groups: Sequence[FlagGroup]) -> list[str]:
    """A command's own flags, in the order of `--help`, without those that all commands have."""
    of_all = separate_flags(())
    return [name for name in separate_flags(groups) if name not in of_all]


def flagfile_text(
    values: flags.FlagValues, groups: Sequence[FlagGroup], left_out: Collection[str] = frozenset()
) -> str:
    """A run's flags.txt: every flag of its command that has a value, as lines that `--flagfile` reads back.

    Args:
      values: the parsed flags.
      groups: of the command; what all commands have is not written.
      left_out: names of flags that say nothing of this run.
    """
    names = sorted(set(flag_names(groups)).difference(left_out))
    return "".join(f"{values[name].serialize()}\n" for name in names if values[name].value is not None)


def changed_flags(
    values: flags.FlagValues, groups: Sequence[FlagGroup], left_out: Sequence[FlagGroup] = ()
) -> list[str]:
    """A command's flags that have another value than by default, as `--flagfile` reads them back.

    Args:
      values: the parsed flags.
      groups: of the command.
      left_out: those whose flags say nothing here.
    """
    names = sorted(set(flag_names(groups)).difference(flag_names(left_out)))
    return [values[name].serialize() for name in names if values[name].value != values[name].default]


def _exchange(first: flags.FlagValues, second: flags.FlagValues) -> None:
    # FlagValues takes every other attribute for a flag; all that it holds lies in its dictionary.
    state = dict(first.__dict__)
    first.__dict__.clear()
    first.__dict__.update(second.__dict__)
    second.__dict__.clear()
    second.__dict__.update(state)


def _define(groups: Sequence[FlagGroup]) -> list[tuple[str, list[str]]]:
    titles = []
    for define in groups:
        before = set(flags.FLAGS)
        define()
        titles.append((define.title, [name for name in flags.FLAGS if name not in before]))
    return titles[1:] + titles[:1]


def source_docstring(path: str | os.PathLike) -> str:
    """The docstring of a module's source file, which is there under -OO too."""
    return ast.get_docstring(ast.parse(pathlib.Path(path).read_text(encoding="utf-8")), clean=False) or ""


def _flag_error(error: flags.Error) -> str:
    # absl's words for a flag that must be given read as if it had been given as None.
    missing = re.match(r"flag --(\w+)=None: ", str(error))
    return f"--{missing[1]} is missing; --help tells what it is" if missing else _one_line(error)


def _os_error(error: OSError) -> str:
    name = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"no space left on the disk{name}; free some and run the same command again"
    if (
        isinstance(error, NotADirectoryError | FileExistsError)
        and error.filename
        and not pathlib.Path(error.filename).is_dir()
    ):
        return f"{error.filename} is no folder; choose another one"
    if isinstance(error, FileNotFoundError):
        return f"no such file{name}"
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return f"no permission{name}; change its rights or choose another folder"
    return _one_line(error)


def _is_full_disk(error: Exception) -> bool:
    # TensorFlow's writers and SQLite report a full disk as errors of their own, h5py as a plain RuntimeError.
    return "No space left on device" in str(error) or "database or disk is full" in str(error)


def _is_out_of_memory(error: Exception) -> bool:
    # TensorFlow says so by a class of its own (which counts open files as well), or in C++'s words.
    if type(error).__name__ == "ResourceExhaustedError":
        return re.search("OOM|memory|alloc", str(error)) is not None
    return isinstance(error, MemoryError) or "bad_alloc" in str(error)


def _out_of_memory() -> str:
    sizes = [f"--{name}" for name in flags.FLAGS if isinstance(flags.FLAGS[name].parser, flag_kinds.SizeParser)]
    mend = f"; lower {' or '.join(filter(None, [', '.join(sizes[:-1]), sizes[-1]]))}" if sizes else ""
    return f"out of memory{mend}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _fail(message: str, code: int = 1) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
