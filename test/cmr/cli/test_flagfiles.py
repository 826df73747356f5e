"""Flagfiles: what their names lead to, and how they are read."""

import pytest
import tiny_runs
from absl import flags

from cmr.cli import flagfiles, training_flags
from cmr.errors import ConfigError

FUSION = flagfiles.installed_folder() / "flickr8k" / "fusion.flags"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No test runs in the project's folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["experiments/flagfiles/flickr8k/fusion.flags", "flickr8k/fusion.flags", "flickr8k/fusion", str(FUSION)]
)
def test_an_installed_flagfile_is_named_from_any_folder(name):
    assert flagfiles.find_flagfile(name) == FUSION


def test_a_flagfile_that_is_there_comes_before_an_installed_one(elsewhere):
    (elsewhere / "laptop.flags").write_text("")

    assert flagfiles.find_flagfile("laptop.flags").resolve() == (elsewhere / "laptop.flags").resolve()


def test_a_command_reads_an_installed_flagfile_from_any_folder():
    ended = tiny_runs.run_main(
        lambda: print(flags.FLAGS.dataset, flags.FLAGS.model),
        "--model=vse",
        "--flagfile=experiments/flagfiles/flickr8k/fusion.flags",
        groups=training_flags.GROUPS,
    )

    assert ended == tiny_runs.Ended(0, "flickr8k fusion\n", "")


def test_lines_stand_in_the_place_of_the_flagfile(elsewhere):
    (elsewhere / "inner").write_text("--c=3\n")
    (elsewhere / "outer").write_text("\ufeff# said\n// more\n\n  --b=2 \n--flagfile=inner\n", encoding="utf-8")

    assert flagfiles.expanded(["--a=1", "--flagfile=outer", "--d=4"]) == ["--a=1", "--b=2", "--c=3", "--d=4"]
    assert flagfiles.expanded(["--flagfile", "inner", "word"]) == ["--c=3", "word"]
    assert flagfiles.expanded(["--", "--flagfile=inner"]) == ["--", "--flagfile=inner"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "is not text in UTF-8 .byte 0."),
        ("--captioner=caf\u00e9".encode("latin-1"), "is not text in UTF-8 .byte 15."),
        ("--model=vse".encode("utf-16-be"), "is not text; name a file of flags"),
        (b"--flagfile=bad.flags", "reads itself"),
        (b"--flagfile", "names no file"),
        (b"--flagfile=", "names no file"),
        (b"--flagfile=nowhere", "nowhere is no flagfile"),
        (b"--flagfile=.", ". is a folder; name a flagfile in it"),
    ],
)
def test_a_flagfile_that_cannot_be_read_is_said_in_one_sentence(elsewhere, content, sentence):
    (elsewhere / "bad.flags").write_bytes(content)

    with pytest.raises(ConfigError, match=sentence):
        flagfiles.expanded(["--flagfile=bad.flags"])
