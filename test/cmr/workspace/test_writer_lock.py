"""One writer a folder: the second is refused in a sentence, and nothing stays locked behind a process that is gone."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest
from commands import ROOT
from tiny_runs import run_main

from cmr.errors import WorkspaceError
from cmr.workspace import writer_lock as locks
from cmr.workspace.writer_lock import writer_lock

# A command that writes one file under the lock: it says when it has the lock, and goes on when it is told to.
WRITER = """
import pathlib, sys
from cmr.cli import command
from cmr.workspace import atomic_files
from cmr.workspace.writer_lock import writer_lock

folder, text = pathlib.Path(sys.argv[1]), sys.argv[2]
sys.argv[1:] = []

def main():
    with writer_lock(folder), atomic_files.atomic_path(folder / "result.txt") as temporary:
        temporary.write_text(text)
        print("locked", flush=True)
        sys.stdin.readline()

command.run(main, "Writes.", (), uses_tensorflow=False)
"""


def start_writer(folder, text):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), text],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return writer, writer.stdout.readline()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_second_of_two_processes_is_refused_in_a_sentence_and_the_firsts_result_is_whole(tmp_path):
    first, said = start_writer(tmp_path, "first")
    assert said == "locked\n"

    second, _ = start_writer(tmp_path, "second")
    refused = second.communicate("\n")
    first.communicate("\n")

    sentence = f"error: {tmp_path} is being written by process {first.pid} (-c); wait until it has ended, or stop it\n"
    assert (second.returncode, *refused) == (1, "", sentence)
    assert first.returncode == 0
    assert names_in(tmp_path) == ["result.txt"]
    assert (tmp_path / "result.txt").read_text() == "first"


def test_after_a_kill_the_next_one_writes_at_once_and_nothing_is_left_over(tmp_path):
    first, _ = start_writer(tmp_path, "first")
    first.kill()
    first.communicate()
    assert names_in(tmp_path) == [f".{first.pid}.tmp.result.txt", ".lock"]

    second, said = start_writer(tmp_path, "second")
    second.communicate("\n")

    assert (said, second.returncode) == ("locked\n", 0)
    assert names_in(tmp_path) == ["result.txt"]
    assert (tmp_path / "result.txt").read_text() == "second"


def test_the_lock_is_gone_after_a_failure(tmp_path):
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path):
        raise ZeroDivisionError

    assert names_in(tmp_path) == []


def test_folders_that_were_made_for_nothing_are_removed(tmp_path):
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path / "a" / "b"):
        raise ZeroDivisionError
    with writer_lock(tmp_path / "c" / "d"):
        (tmp_path / "c" / "other").touch()

    assert names_in(tmp_path) == ["c"]
    assert names_in(tmp_path / "c") == ["other"]


def test_another_folder_can_be_written_meanwhile(tmp_path):
    with writer_lock(tmp_path / "a"), writer_lock(tmp_path / "a" / "b"):
        assert names_in(tmp_path / "a") == [".lock", "b"]


def test_a_lock_that_was_removed_while_it_was_waited_for_is_not_taken(tmp_path, monkeypatch):
    """The file that the first holds is removed and made anew by a second before a third gets the old one's lock."""
    taken = []
    flock = fcntl.flock

    def remove_first(descriptor, operation):
        flock(descriptor, operation)
        taken.append(descriptor)
        if len(taken) == 1:
            (tmp_path / locks.LOCK).unlink()

    monkeypatch.setattr(locks.fcntl, "flock", remove_first)

    with writer_lock(tmp_path):
        assert len(taken) == 2
        assert os.path.samestat(os.fstat(taken[1]), (tmp_path / locks.LOCK).stat())


def test_the_owner_removes_what_killed_writers_left_and_nothing_else(tmp_path):
    # The process numbers are of living processes: numbers are used again.
    left = [f".{os.getpid()}.tmp.a.csv", ".1.tmp.b.npy"]
    kept = ["features.npy.partial", "a.csv", ".hidden", "notes_temp"]
    (tmp_path / "checkpoints" / "ckpt-3_temp").mkdir(parents=True)
    (tmp_path / "checkpoints" / "ckpt-3_temp" / "part-00000-of-00001.index").touch()
    (tmp_path / "checkpoints" / "checkpoint.tmp12ab").touch()
    (tmp_path / "checkpoints" / "ckpt-2.index").touch()
    (tmp_path / "others").mkdir()
    for name in (*left, *kept, "others/.1.tmp.c.csv"):
        (tmp_path / name).touch()

    with writer_lock(tmp_path, ("checkpoints", "absent")):
        pass

    assert names_in(tmp_path) == sorted([*kept, "checkpoints", "others"])
    assert names_in(tmp_path / "checkpoints") == ["ckpt-2.index"]
    assert names_in(tmp_path / "others") == [".1.tmp.c.csv"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_locks_it_is_said_and_the_command_goes_on(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)

    with pytest.warns(UserWarning, match="file system without locks"), writer_lock(tmp_path):
        (tmp_path / "result.txt").touch()

    assert names_in(tmp_path) == ["result.txt"]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_folder_that_may_only_be_read_is_refused_with_the_mend(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.os, "open", refuse)

    with (
        pytest.raises(
            WorkspaceError, match=r"can't be written .*; choose another --workspace_dir or change its rights$"
        ),
        writer_lock(tmp_path),
    ):
        pass


def test_a_file_in_the_folders_place_is_refused(tmp_path):
    (tmp_path / "a").touch()

    ended = run_main(lambda: writer_lock(tmp_path / "a").__enter__())

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {tmp_path / 'a'} is a file and no folder; choose another --")


def test_a_writer_is_seen_from_outside_until_its_end_however_that_is(tmp_path):
    assert not locks.is_held(tmp_path)
    writer, _ = start_writer(tmp_path, "text")
    assert locks.is_held(tmp_path)
    writer.kill()
    writer.wait()
    assert (tmp_path / locks.LOCK).exists()
    assert not locks.is_held(tmp_path)


@pytest.mark.parametrize("text", ["", "process", "process dog", "process 99999999999999"])
def test_a_lock_that_names_no_process_is_held_by_none(tmp_path, text):
    (tmp_path / locks.LOCK).write_text(text)

    assert not locks.is_held(tmp_path)
