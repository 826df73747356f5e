"""A child ends with its parent; the modules that are run are scripts of a few lines here."""

import os
import pathlib
import select
import signal
import subprocess
import sys

import pytest
from commands import ROOT

from experiments.trainings import child

# Holds the pipe open for as long as it lives.
HOLDER = """
import signal, sys
pipe = open(sys.argv[1], "w")
pipe.write(f"{__name__} {sys.argv[2:]}\\n")
pipe.flush()
while True:
    signal.pause()
"""
# Ends at SIGTERM alone: SIGKILL leaves it no time to do anything for its child.
PARENT = """
import sys
from experiments.trainings import child
child.run("holder", [sys.argv[1], "--name=value"])
"""
ENDED_SECONDS = 60


@pytest.fixture
def pipe(tmp_path, monkeypatch) -> pathlib.Path:
    """A pipe for the module `holder` to hold."""
    (tmp_path / "holder.py").write_text(HOLDER)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def is_let_go(reader) -> bool:
    """Whether whoever held the pipe has ended; the time is a bound for a failure alone."""
    return bool(select.select([reader], [], [], ENDED_SECONDS)[0]) and reader.read() == ""


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGKILL])
def test_a_child_ends_with_its_parent(pipe, with_signal):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(pipe)])
    with open(pipe) as reader:
        assert reader.readline() == "__main__ ['--name=value']\n"

        parent.send_signal(with_signal)

        assert parent.wait() == -with_signal
        assert is_let_go(reader)


def test_a_child_can_be_stopped(pipe):
    process = child.start("holder", [str(pipe)])
    with open(pipe) as reader:
        reader.readline()

        assert child.stop(process) == -signal.SIGTERM
        assert is_let_go(reader)


def test_one_child_ends_while_another_runs(pipe, tmp_path):
    """The later child must not hold the earlier one's pipe open."""
    second_pipe = tmp_path / "second"
    os.mkfifo(second_pipe)
    first, second = child.start("holder", [str(pipe)]), child.start("holder", [str(second_pipe)])
    with open(pipe) as reader, open(second_pipe) as second_reader:
        reader.readline(), second_reader.readline()

        assert child.stop(first) == -signal.SIGTERM
        assert second.poll() is None
        child.stop(second)


def test_the_exit_code_is_the_modules(tmp_path, monkeypatch):
    (tmp_path / "failing.py").write_text("import sys\nsys.exit(7)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert child.run("failing", []) == 7
