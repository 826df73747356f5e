"""The console script `cmr`, as `python -m cmr`: a list of the commands, and each of them by its name."""

import re
import runpy
import sys

import pytest
import tiny_runs
from commands import ROOT, run_command

import cmr.__main__ as console_script
from cmr.__main__ import COMMANDS


@pytest.fixture
def call(monkeypatch, capsys):
    """Calls the script in this process with arguments."""

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["cmr", *arguments])
        with pytest.raises(SystemExit) as ended:
            console_script.main()
        printed = capsys.readouterr()
        return tiny_runs.Ended(ended.value.code, printed.out, printed.err)

    return called


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_alone_it_lists_every_command_with_a_line(call, arguments):
    ended = call(*arguments)

    assert (ended.returncode, ended.stderr) == (0, "")
    listed = re.findall(r"^  (\w+) +(\S.*)$", ended.stdout, re.MULTILINE)
    expected = {name: tiny_runs.command_module(f"cmr.{name}").__doc__.splitlines()[0] for name in COMMANDS}
    assert dict(listed) == expected
    assert len(listed) == len(COMMANDS)


def test_every_command_of_the_package_is_listed():
    commands = [path.stem for path in (ROOT / "cmr").glob("*.py") if 'if __name__ == "__main__":' in path.read_text()]

    assert sorted(COMMANDS) == sorted(name for name in commands if name != "__main__")


@pytest.mark.parametrize("name", ["trian", "", "cmr.train", "../train", "config", "__main__", "--flagfile=a"])
def test_an_unknown_command_is_one_line_with_those_there_are(call, name):
    ended = call(name, "--help")

    assert ended == tiny_runs.Ended(1, "", f"error: {name!r} is no command; choose {', '.join(COMMANDS)}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_gets_the_arguments_behind_its_name(call, monkeypatch, name):
    started = []

    def run_module(module, **_):
        started.append((module, sys.argv[1:]))
        sys.exit(3)

    monkeypatch.setattr(runpy, "run_module", run_module)

    assert call(name, "--margin=0.2", "--help").returncode == 3
    assert started == [(f"cmr.{name}", ["--margin=0.2", "--help"])]


def test_a_command_by_its_name_is_the_module_run_by_python():
    by_name, by_module = run_command("cmr", "evaluate", "--help"), run_command("cmr.evaluate", "--help")

    assert (by_name.returncode, by_name.stderr) == (0, "")
    assert by_name.stdout == by_module.stdout
    assert "--run_dir" in by_name.stdout


def test_help_is_the_same_where_python_drops_docstrings():
    plain, stripped = run_command("cmr.train", "--help"), run_command("cmr.train", "--help", PYTHONOPTIMIZE="2")

    assert (stripped.returncode, stripped.stderr) == (0, "")
    assert stripped.stdout == plain.stdout
