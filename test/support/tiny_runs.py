"""Commands of tiny runs: called in this process, which saves the import of TensorFlow, or as a user would."""

import contextlib
import dataclasses
import functools
import importlib.util
import io
import json
import pathlib
import runpy
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from unittest import mock

import pytest
from absl import flags
from commands import run_command

from cmr.cli import command
from cmr.cli.command import FlagGroup
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run

# 9 steps an epoch, so that a state is saved at steps 4 and 8 of each.
TINY = (
    "--word_dim=6",
    "--gru_units=8",
    "--text_space_dim=4",
    "--batch_size=15",
    "--max_epochs=3",
    "--learning_rate=0.03",
    "--checkpoint_steps=4",
    "--dropout=0.2",
    "--decay_epochs=2",
)


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended, named as `subprocess.CompletedProcess` names it."""

    returncode: int
    stdout: str
    stderr: str


@contextlib.contextmanager
def own_flags() -> Iterator[flags.FlagValues]:
    """absl's one set of flags; those that the block defines are gone after it."""
    before = set(flags.FLAGS)
    try:
        yield flags.FLAGS
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
        flags.FLAGS.unparse_flags()


def run_main(
    main: Callable[[], None],
    *arguments: object,
    doc: str = "Does something.",
    groups: Sequence[FlagGroup] = (),
    uses_tensorflow: bool = False,
) -> Ended:
    """`command.run` in this process."""
    return _ended(lambda: command.run(main, doc, groups, uses_tensorflow=uses_tensorflow), arguments)


def command_module(name: str) -> types.ModuleType:
    """The module behind `python -m name`."""
    is_folder = importlib.util.find_spec(name).submodule_search_locations is not None
    return importlib.import_module(f"{name}.__main__" if is_folder else name)


def call_command(name: str, *arguments: object) -> Ended:
    """`python -m name arguments` in this process: the module runs anew, what it imports has been imported before."""
    source = command_module(name).__file__
    return _ended(lambda: runpy.run_path(source, run_name="__main__"), arguments)


def _ended(program: Callable[[], object], arguments: Sequence[object]) -> Ended:
    """How a program that reads `sys.argv` ends."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        own_flags(),
        mock.patch.object(sys, "argv", ["command", *map(str, arguments)]),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        pytest.raises(SystemExit) as ended,
    ):
        program()
    return Ended(ended.value.code, stdout.getvalue(), stderr.getvalue())


def place(workspace: Workspace) -> tuple[str, str]:
    """The flags that name a data set."""
    return f"--workspace_dir={workspace.root}", f"--dataset={workspace.dataset}"


def trained_run(workspace: Workspace, model: str) -> tuple[Run, Ended]:
    """The finished tiny run of a model in the shared workspace, and what training it printed; trained once."""
    return _trained_run(workspace.root, model)


@functools.cache
def _trained_run(root: pathlib.Path, model: str) -> tuple[Run, Ended]:
    workspace = Workspace(root, "scenes")
    # One model's command runs as a user would run it.
    run = run_command if model == "fusion" else call_command
    ended = run("cmr.train", *place(workspace), *TINY, f"--model={model}")
    assert ended.returncode == 0, ended.stderr
    return Run(run_path(ended)), ended


def run_path(ended: Ended) -> pathlib.Path:
    """The run's folder, as cmr.train printed it."""
    return pathlib.Path(next(line for line in ended.stdout.splitlines() if line.startswith("run "))[4:])


def read_json(path: pathlib.Path):
    return json.loads(path.read_text(encoding="utf-8"))
