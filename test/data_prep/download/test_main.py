"""The download command from outside: kills, mirrors, sentences."""

import contextlib
import hashlib
import io
import random
import signal
import subprocess
import sys
import threading
import zipfile

import loopback
import pytest
from commands import ROOT
from tiny_runs import call_command

# Too much for the buffers of a connection to hold: when half of it is sent, the client has taken some of it.
SIZE = 32 << 20


@pytest.fixture(scope="module")
def archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr("Flickr8k.token.txt", random.Random(3).randbytes(SIZE))
    return packed.getvalue()


def _command(archive: bytes, *arguments: str) -> list[str]:
    """The command, with the archive in the place of Flickr8k_text.zip in the table of sources."""
    program = f"""
import dataclasses, sys
from cmr.cli import command
from data_prep.download import __main__ as download
from data_prep.download import sources
text = sources.SOURCES["flickr8k"][0]
text = dataclasses.replace(text, size={len(archive)}, digest="sha256:{hashlib.sha256(archive).hexdigest()}")
sources.SOURCES["flickr8k"] = (text,)
command.run(download.main, download.__doc__, download.GROUPS, uses_tensorflow=False)
"""
    return [sys.executable, "-c", program, "--dataset=flickr8k", *arguments]


def test_a_second_run_goes_on_where_kill_9_stopped_the_first(archive, tmp_path):
    half_is_sent, client_is_dead = threading.Event(), threading.Event()

    def half(handler, data):
        with contextlib.suppress(ConnectionError):
            loopback.honest(stop_after=len(data) // 2)(handler, data)
        half_is_sent.set()
        # The connection stays open and silent until the client has been killed.
        client_is_dead.wait()

    with loopback.serving(archive, half, loopback.honest()) as server:
        command = _command(archive, f"--data_dir={tmp_path}", f"--mirror={server.url}")
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as first:
            half_is_sent.wait(60)
            first.send_signal(signal.SIGKILL)
        client_is_dead.set()
        arrived = (tmp_path / "Flickr8k_text.zip.partial").stat().st_size
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert second.returncode == 0, second.stderr
    assert arrived > 0
    assert server.ranges == [None, f"bytes={arrived}-"]
    assert (tmp_path / "Flickr8k_text" / "Flickr8k.token.txt").stat().st_size == SIZE
    assert "next: python -m data_prep.prepare --dataset=flickr8k" in second.stdout


def test_a_dry_run_tells_the_sizes_and_asks_nobody(tmp_path):
    run = call_command(
        "data_prep.download",
        "--dataset=mscoco",
        f"--data_dir={tmp_path / 'data'}",
        "--dry_run",
        "--parts=val2017,annotations2017",
        "--mirror=http://127.0.0.1:9",
    )
    assert run.stdout.splitlines() == [
        "annotations2017: http://127.0.0.1:9/annotations_trainval2017.zip, 252.9 MB, to fetch",
        "val2017: http://127.0.0.1:9/val2017.zip, 815.6 MB, to fetch",
        f"to fetch into {tmp_path / 'data'}: 1.1 GB",
    ]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dataset=flickr8k"], "--data_dir is missing; name the folder to fetch flickr8k into"),
        (["--dataset=flickr8k", f"--data_dir={__file__}"], "is a file; name a folder"),
        (["--dataset=flickr8k", "--data_dir=x", "--mirror=ftp://host"], "it is the address of a folder, http://"),
    ],
)
def test_a_users_error_is_one_sentence(arguments, sentence):
    run = call_command("data_prep.download", *arguments)
    assert run.returncode == 1
    assert sentence in run.stderr
    assert run.stderr.count("\n") == 1


def test_a_disk_that_fills_up_underway_is_one_sentence(archive, tmp_path):
    program = _command(archive, f"--data_dir={tmp_path}")
    # The disk is full as soon as something is to be written.
    program[2] = (
        "import errno, os\nfrom data_prep.download import fetching\n"
        "def full(*_):\n    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "fetching._write = full\n" + program[2]
    )
    with loopback.serving(archive, loopback.honest()) as server:
        run = subprocess.run(
            [*program, f"--mirror={server.url}"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == ("error: no space left on the disk; free some and run the same command again")


def test_tensorflow_is_never_imported():
    program = "import sys; from data_prep.download import __main__, steps; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
