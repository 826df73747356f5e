"""Kinds of flags: each flag of the project keeps the rule of its kind."""

import re

import pytest
import tiny_runs
from absl import flags
from hypothesis import given
from hypothesis import strategies as st

from cmr.cli import captioner_flags, command, flag_kinds, search_flags, training_flags
from cmr.cli import flags as cmr_flags
from data_prep import flags as prep_flags
from experiments import flags as experiments_flags

MODULES = {
    module.__name__: module
    for module in (cmr_flags, training_flags, captioner_flags, search_flags, prep_flags, experiments_flags)
}
GROUPS = [group for module in MODULES.values() for group in vars(module).values() if hasattr(group, "positional")]
# Groups whose rules name flags of others.
NEEDED = {prep_flags.prepare_flags: [cmr_flags.workspace_flags]}
# They name what is no file: a folder by its name alone, columns of a file, rows of several.
NOT_PATHS = {"dataset", "variable", "mirror", "query", "chosen_images", "candidates", "parts"}


def every_flag():
    """The group's name and the flag, of every flag of every command."""
    for group in GROUPS:
        values = command.separate_flags([*NEEDED.get(group, ()), group])
        for name in values:
            if values.find_module_defining_flag(name) in MODULES:
                yield group.__name__, values[name]


FLAGS = list(every_flag())


def is_path(flag):
    return isinstance(flag.parser, flag_kinds.PathParser | flag_kinds.PathListParser)


@st.composite
def words(draw):
    return draw(st.text(st.characters(exclude_characters='~,"\r\n', exclude_categories=("Cs", "Cc")), min_size=1))


def test_every_flag_whose_help_names_a_file_or_folder_takes_a_path():
    words_taken = {
        (group, flag.name)
        for group, flag in FLAGS
        if re.search(r"\b(file|folder|path|flagfile)s?\b", flag.help, re.IGNORECASE)
        and type(flag.parser) in (flags.ArgumentParser, flags.ListParser)
        # The name of one folder is no path.
        and not flag.validators
    }

    assert {name for _, name in words_taken} <= NOT_PATHS


def test_the_flags_that_take_paths_are_many():
    assert {"workspace_dir", "data_dir", "captioner", "weights", "features", "overlay", "row", "rows"} <= {
        flag.name for _, flag in FLAGS if is_path(flag)
    }


@pytest.mark.parametrize(("group", "flag"), [pair for pair in FLAGS if is_path(pair[1])])
def test_a_leading_tilde_is_the_users_folder_in_every_path(group, flag, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")

    flag.parse("~/a b")

    assert flag.value in ("/home/me/a b", ["/home/me/a b"])


@given(words())
def test_a_path_without_a_leading_tilde_is_kept_as_it_was_typed(text):
    assert flag_kinds.PathParser().parse(text) == text
    assert flag_kinds.PathParser().parse(f"{text}~") == f"{text}~"


def test_paths_with_commas_between_them_are_expanded_each(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")

    assert flag_kinds.PathListParser().parse("~/a.npy,b~,~/c.npy") == ["/home/me/a.npy", "b~", "/home/me/c.npy"]


@pytest.mark.parametrize(("group", "flag"), [pair for pair in FLAGS if isinstance(pair[1].parser, flags.FloatParser)])
@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_every_flag_that_takes_a_number_refuses_what_is_not_finite(group, flag, text):
    with pytest.raises(flags.IllegalFlagValueError, match=f"--{flag.name}={text}: {text} is not a finite number"):
        flag.parse(text)


@pytest.mark.parametrize(("group", "flag"), [pair for pair in FLAGS if re.fullmatch(r"(\w+_)?seed", pair[1].name)])
def test_every_seed_is_one_that_numpy_takes(group, flag):
    flag.parse(str(2**32 - 1))
    with pytest.raises(flags.IllegalFlagValueError, match=r"\[0, 4294967295\]"):
        flag.parse(str(2**32))


def test_a_workspace_below_the_users_folder_is_where_the_shell_has_it(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")

    ended = tiny_runs.run_main(
        lambda: print(flags.FLAGS.workspace_dir), "--workspace_dir=~/ws", groups=(cmr_flags.workspace_flags,)
    )

    assert ended == tiny_runs.Ended(0, "/home/me/ws\n", "")
