"""Commands: help by groups, a user's error as one line with its exit code, TensorFlow only when it is needed."""

import errno
import io
import os
import re
import signal
import sqlite3
import subprocess
import sys

import pytest
import tiny_runs
from absl import flags
from commands import ROOT

from cmr.cli import captioner_flags, command, flag_kinds
from cmr.errors import ConfigError, DataError, WorkspaceError

COMMANDS = {
    "cmr.train": ("Data set and workspace", "Model", "Loss and negatives", "Training", "CNN features"),
    "cmr.evaluate": ("What to measure", "Query bank", "Data set and workspace", "Pictures"),
    "cmr.benchmark": ("Benchmark", "Data set and workspace", "Model"),
    "data_prep.prepare": ("Data set and workspace", "Raw data"),
    "data_prep.extract": ("Data set and workspace", "Extraction", "Output", "CNN features"),
    "data_prep.import_features": ("Data set and workspace", "Import", "Output"),
}


def run_without_tensorflow(module, *arguments):
    """Runs a command as `python -m` does; it fails where the command imports TensorFlow."""
    program = f"""
import runpy, sys
sys.modules["tensorflow"] = sys.modules["keras"] = None  # an import of either raises
sys.argv[1:] = {list(arguments)!r}
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)


@command.flag_group("Colours")
def colour_flags():
    flags.DEFINE_string("colour", "red", "Colour of everything.")
    flags.DEFINE_bool("bright", False, "Brighter.")
    flags.DEFINE_enum("shade", "deep", ("deep", "pale"), "Which shade.")


@command.flag_group("Sizes")
def size_flags():
    flags.DEFINE_integer("width", 3, "Width in pixels.", lower_bound=1)


def do_nothing():
    pass


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize("module", COMMANDS)
def test_every_command_explains_its_own_flags_first_by_group_without_tensorflow(module):
    ended = run_without_tensorflow(module, "--help")

    assert (ended.returncode, ended.stderr) == (0, "")
    titles = re.findall(r"^([A-Z][\w ]*):$", ended.stdout, re.MULTILINE)
    assert [title for title in titles if title in COMMANDS[module]] == list(COMMANDS[module])
    assert titles[-1] == "Everywhere"
    explained = re.findall(r"^  --(\[no\])?\w+.*\n {6}\S", ended.stdout, re.MULTILINE)
    assert len(explained) == len(re.findall(r"^  --", ended.stdout, re.MULTILINE)) > 2
    assert max(map(len, ended.stdout.splitlines())) <= 120


@pytest.mark.parametrize(
    ("module", "argument", "sentence"),
    [
        ("cmr.train", "--margin=3", "margin"),
        ("cmr.train", "--negatives=nearest", "nearest"),
        ("cmr.train", "--marign=0.2", "marign"),
        ("cmr.train", "fusion", "'fusion' is not a flag"),
        ("cmr.train", "--flagfile=none.flags", "none.flags"),
        ("cmr.evaluate", "--notensorflow_logs", "run_dir"),
    ],
)
def test_a_flag_that_cannot_work_is_one_line_without_tensorflow(module, argument, sentence):
    ended = run_without_tensorflow(module, argument)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(r"error: .*\n", ended.stderr)
    assert sentence in ended.stderr


@pytest.mark.parametrize("asked", ["--help", "-h"])
def test_help_holds_each_group_with_choices_and_defaults_and_runs_nothing(asked):
    main = raising(AssertionError("the command ran"))

    ended = tiny_runs.run_main(main, asked, "--width=no", doc="Paints.", groups=(colour_flags, size_flags))

    assert ended.returncode == 0
    assert ended.stdout.startswith(
        """Paints.

Colours:
  --colour
      Colour of everything. (default: red)
  --[no]bright
      Brighter. (default: false)
  --shade=deep|pale
      Which shade. (default: deep)

Sizes:
  --width
      Width in pixels. (default: 3)

Everywhere:
"""
    )


@command.flag_group("Typed")
def typed_flags():
    flag_kinds.define_path("folder", "my pictures", "Where they lie.")
    flag_kinds.define_repeated_path("more", "Further ones.")
    flag_kinds.define_paths("files", ["a.npy", "b c.npy"], "Read in turn.")
    flags.DEFINE_multi_string("words", ["one", "two three"], "Of a query.")
    flags.DEFINE_list("patterns", ["*"], "Of names.")
    flags.DEFINE_list("none", [], "Of nothing.")
    flag_kinds.define_float("rate", 0.5, "A step.", 0.0)


def test_help_shows_each_default_as_it_would_be_typed():
    ended = tiny_runs.run_main(do_nothing, "--help", groups=(typed_flags,))

    assert ended.stdout.startswith(
        """Does something.

Typed:
  --folder
      Where they lie. (default: 'my pictures')
  --more
      Further ones. May be given several times.
  --files
      Read in turn. (default: 'a.npy,b c.npy')
  --words
      Of a query. May be given several times. (default: one 'two three')
  --patterns
      Of names. (default: '*')
  --none
      Of nothing.
  --rate
      A step. (default: 0.5)
"""
    )


def test_a_command_leaves_the_flags_of_the_process_as_they_were():
    with tiny_runs.own_flags() as values:
        flags.DEFINE_string("mine", "kept", "Of a notebook.")
        before = {name: (values[name].value, values[name].present) for name in values}

        for width in (7, 8):
            arguments = f"--width={width}", "--mine=lost"
            ended = tiny_runs.run_main(lambda: print(flags.FLAGS.width), *arguments, groups=(size_flags,))
            assert ended == tiny_runs.Ended(0, f"{width}\n", "")

        assert {name: (values[name].value, values[name].present) for name in values} == before


def test_a_flag_of_an_earlier_call_is_not_kept():
    for argument, width in (("--width=7", 7), ("--nobright", 3), ("--width=no", None), ("--bright", 3)):
        ended = tiny_runs.run_main(lambda: print(flags.FLAGS.width), argument, groups=(size_flags, colour_flags))
        assert ended.stdout == (f"{width}\n" if width else "")


@pytest.mark.parametrize("written", ["stdout", "stderr"])
def test_a_terminal_without_a_letter_shows_its_number(written, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "argv", ["command"])
    monkeypatch.setattr(sys, written, terminal)

    with pytest.raises(SystemExit) as ended, tiny_runs.own_flags():
        command.run(lambda: print("caf\u00e9", file=terminal), "Says.", (), uses_tensorflow=False)

    terminal.flush()
    assert (ended.value.code, terminal.buffer.getvalue()) == (0, b"caf\\xe9\n")


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        ResourceExhaustedError("OOM when allocating tensor with shape[3000000,1000000] and type float"),
        ResourceExhaustedError("Out of memory while trying to allocate 4 bytes"),
    ],
)
def test_too_little_memory_is_one_line_that_names_the_sizes_of_the_command(error):
    ended = tiny_runs.run_main(raising(error), groups=(captioner_flags.captioner_flags,))

    assert ended == tiny_runs.Ended(1, "", "error: out of memory; lower --text_space_dim or --lstm_units\n")


def test_too_little_memory_of_a_command_without_sizes_is_one_line():
    assert tiny_runs.run_main(raising(MemoryError())) == tiny_runs.Ended(1, "", "error: out of memory\n")


def test_too_many_open_files_are_not_taken_for_too_little_memory():
    with pytest.raises(ResourceExhaustedError):
        tiny_runs.run_main(raising(ResourceExhaustedError("Too many open files")))


def test_a_command_reads_its_flags_and_ends_with_0():
    ended = tiny_runs.run_main(lambda: print(flags.FLAGS.width), "--width=7", groups=(size_flags,))

    assert ended == tiny_runs.Ended(0, "7\n", "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("a.jpg is empty;\n  remove it"), "error: a.jpg is empty; remove it\n"),
        (WorkspaceError("no workspace"), "error: no workspace\n"),
        (ConfigError("--a and --b can't work together"), "error: --a and --b can't work together\n"),
        (flags.IllegalFlagValueError("--a is wrong"), "error: --a is wrong\n"),
        (FileNotFoundError(errno.ENOENT, "not there", "a.txt"), "error: no such file (a.txt)\n"),
        (
            PermissionError(errno.EACCES, "denied", "a.txt"),
            "error: no permission (a.txt); change its rights or choose another folder\n",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "a.txt"),
            "error: no permission (a.txt); change its rights or choose another folder\n",
        ),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a"), "error: a is no folder; choose another one\n"),
        (FileExistsError(errno.EEXIST, "File exists", "a"), "error: a is no folder; choose another one\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "a.npy"),
            "error: no space left on the disk (a.npy); free some and run the same command again\n",
        ),
        (
            # As h5py says it.
            RuntimeError("Unable to write (errno = 28, error message = 'No space left on device')"),
            "error: no space left on the disk; free some and run the same command again\n",
        ),
        (
            sqlite3.OperationalError("database or disk is full"),
            "error: no space left on the disk; free some and run the same command again\n",
        ),
    ],
)
def test_an_error_that_a_user_can_mend_is_one_line_and_exit_code_1(error, line):
    assert tiny_runs.run_main(raising(error)) == tiny_runs.Ended(1, "", line)


def test_an_interrupted_command_says_that_it_goes_on_and_ends_with_130():
    ended = tiny_runs.run_main(raising(KeyboardInterrupt()))

    assert ended == tiny_runs.Ended(130, "", "error: stopped; the same command goes on from what is already written\n")


def test_a_terminated_command_closes_what_is_open_says_so_and_ends_with_143():
    closed = []

    def main():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            # A second one, as from a parent that ends its children twice, disturbs nothing.
            os.kill(os.getpid(), signal.SIGTERM)
            closed.append(True)

    before = signal.getsignal(signal.SIGTERM)
    ended = tiny_runs.run_main(main)

    line = "error: stopped by SIGTERM; the same command goes on from what is already written\n"
    assert (ended, closed) == (tiny_runs.Ended(143, "", line), [True])
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_reader_that_closed_the_pipe_is_told_nothing():
    reading, writing = os.pipe()
    os.close(reading)

    ended = subprocess.run(
        [sys.executable, "-m", "cmr.train", "--help"], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True
    )

    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_an_unknown_error_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), pytest.MonkeyPatch.context() as patch, tiny_runs.own_flags():
        patch.setattr(sys, "argv", ["command"])
        command.run(lambda: 1 / 0, "Divides.", (), uses_tensorflow=False)
