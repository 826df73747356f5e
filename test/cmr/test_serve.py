"""cmr.serve as a person starts it, and a sentence for every mistake."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pictured_runs
import pytest
import tiny_runs
from commands import ROOT
from PIL import Image

import cmr
from cmr.errors import ConfigError
from experiments.scale import visitors


@pytest.fixture(scope="module")
def photos(pictured_root, tmp_path_factory):
    """A folder of pictures, indexed with a packed model."""
    run = pictured_runs.trained(pictured_root)
    folder = tmp_path_factory.mktemp("photos")
    for number in range(6):
        colour = tuple(np.random.default_rng(number).integers(256, size=3).tolist())
        Image.new("RGB", (30, 20), colour).save(folder / f"{number}.png")
    model = tmp_path_factory.mktemp("packed") / "tiny.cmr"
    for command in (("cmr.pack", f"--run_dir={run.path}", f"--to={model}"), ("cmr.index", folder, f"--model={model}")):
        ended = tiny_runs.call_command(*command)
        assert ended.returncode == 0, ended.stderr
    return folder


@contextlib.contextmanager
def serving(*arguments):
    """The command in a process of its own, once it has said its address."""
    command = [sys.executable, "-m", "cmr.serve", "--port=0", *map(str, arguments)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        # The port is open when this is there.
        yield server, server.stdout.readline()
    finally:
        server.kill()
        server.communicate()


def get(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.loads(answer.read())


def test_it_says_its_address_once_it_answers_searches_as_the_library_does_and_ends_by_ctrl_c(photos):
    with serving(f"--pictures={photos}") as (server, said):
        address, _, rest = said.partition("  ")
        assert rest == f"6 pictures of {photos}; Ctrl-C stops\n"
        answer = get(f"{address}/api/search?q=a%20red%20dog%20corgi&top=3")
        visits = visitors.visit(address, clients=4, seconds=0.1)
        server.send_signal(signal.SIGINT)
        _, stderr = server.communicate(timeout=60)

    gallery = cmr.Gallery.open(photos)
    retriever = cmr.load(gallery.description.model)
    hits = gallery.search(retriever.embed_sentences(["a red dog corgi"])[0], top=3, sentence_weight=1)
    assert [(each["row"], each["path"]) for each in answer["results"]] == [(hit.row, hit.path.name) for hit in hits]
    assert [each["score"] for each in answer["results"]] == pytest.approx([hit.score for hit in hits], abs=1e-5)
    assert answer["unknown_words"] == ["corgi"]
    assert not visits.errors
    assert set(visits.seconds) == {"page", "thumbnail", "search", "similar"}
    assert (server.returncode, stderr) == (0, "stopped\n")


def test_elsewhere_than_on_this_machine_it_warns_and_answers_to_given_names_only(photos):
    with serving(f"--pictures={photos}", "--host=0.0.0.0", "--server_name=photos.example.org") as (server, said):
        port = said.split()[0].rpartition(":")[2]

        def status(host):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/api/status", headers={"Host": host})
            try:
                return urllib.request.urlopen(request, timeout=60).status
            except urllib.error.HTTPError as error:
                return error.code

        assert [status(host) for host in ("photos.example.org", f"127.0.0.1:{port}", "other.org")] == [200, 200, 403]
        server.send_signal(signal.SIGTERM)
        _, stderr = server.communicate(timeout=60)

    assert "warning: --host=0.0.0.0 lets everybody who reaches this machine search and see the pictures" in stderr


BAD = {
    "a folder without an index": (["--pictures={empty}"], "has no index; run: python -m cmr.index"),
    "no folder": (["--pictures={empty}/none"], "does not exist"),
    "no such model": (["--pictures={photos}", "--model={empty}/none.cmr"], "none.cmr does not exist"),
    "no address of this machine": (["--pictures={photos}", "--host=192.0.2.1"], "can't be listened on"),
    "no address at all": (["--pictures={photos}", "--host=no such host"], "is no address of this machine"),
    "a port that is none": (["--pictures={photos}", "--port=99999"], "port"),
    "no megabytes": (["--pictures={photos}", "--max_upload_mb=0"], "max_upload_mb"),
    "a word too many": (["--pictures={photos}", "dog"], "'dog' is not a flag"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_ends_in_one_sentence(photos, tmp_path, mistake):
    given, said = BAD[mistake]

    ended = tiny_runs.call_command("cmr.serve", *(each.format(photos=photos, empty=tmp_path) for each in given))

    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_a_port_that_is_taken_is_said_before_the_model_is_loaded(photos):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = tiny_runs.call_command(
            "cmr.serve", f"--pictures={photos}", f"--port={port}", f"--model={os.devnull}/none"
        )

    assert ended.returncode == 1
    assert f"--port={port} can't be listened on" in ended.stderr


def test_a_package_that_is_missing_is_named_before_anything_else(monkeypatch):
    module = tiny_runs.command_module("cmr.serve")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ConfigError, match=r"needs the package starlette; run: pip install 'cmr\[web\]'"):
        module.check_flags()


def test_without_a_server_the_load_test_says_so():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    ended = tiny_runs.call_command("experiments.serve_load", f"--url=http://127.0.0.1:{port}")

    assert ended.returncode == 1
    assert "gives no answer of cmr.serve" in ended.stderr
