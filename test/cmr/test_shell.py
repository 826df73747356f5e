"""Printed commands: a shell reads back what they mean, and none is put together elsewhere."""

import ast
import pathlib
import re
import shlex

import pytest
from commands import ROOT
from hypothesis import given
from hypothesis import strategies as st

from cmr import shell

PATHS = sorted(path for folder in ("cmr", "data_prep", "experiments") for path in (ROOT / folder).rglob("*.py"))
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


@given(st.lists(texts | st.builds("--flag={}".format, texts)))
def test_a_shell_reads_back_every_argument(arguments):
    assert shlex.split(shell.python_command("cmr.train", *arguments)) == ["python", "-m", "cmr.train", *arguments]


@given(texts)
def test_a_shell_reads_back_the_folder_of_events(folder):
    assert shlex.split(shell.tensorboard_command(folder)) == ["tensorboard", f"--logdir={folder}"]


@pytest.mark.parametrize("path", ["~", "~/a", "~no such user/a", "a~", ""])
def test_a_tilde_is_a_users_folder_or_stays(path, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    own = path in ("~", "~/a")

    assert shell.expanded(path) == pathlib.Path(path.replace("~", str(tmp_path)) if own else path)


def test_no_path_is_expanded_by_what_raises_for_an_unknown_user():
    assert not [path for path in PATHS if ".expanduser()" in path.read_text(encoding="utf-8")]


def test_the_value_of_a_flag_is_quoted_and_not_its_name():
    assert shell.python_command("cmr.index", "my pictures", "--model=a b.cmr", "--rebuild") == (
        "python -m cmr.index 'my pictures' --model='a b.cmr' --rebuild"
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_puts_values_into_a_command(path):
    if path == ROOT / "cmr" / "shell.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    with_values = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]

    assert not [text for text in with_values if re.search(r"python -m|--logdir=", text)]
