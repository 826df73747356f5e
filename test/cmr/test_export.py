"""cmr.export: what others serve is what cmr.load gives, written whole or not at all."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pictured_runs
import pytest
import tiny_runs
from PIL import Image

import cmr
from cmr.pictures import files
from cmr.serving import onnx_model, saved_model
from cmr.trained.sentences import padded

SENTENCES = ["a dog", "A red Dog's ball, by the sea!", "corgi", "", "naïve dog", "a"] * 50

# What runs where nothing of this project is: it may not even be found.
STRANGER = """
import json, pathlib, sys
import numpy as np
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
given = json.loads(pathlib.Path(sys.argv[2]).read_text())
pictures = [pathlib.Path(path).read_bytes() for path in given["pictures"]]
np.savez(
    sys.argv[3],
    sentences=served["embed_sentences"](sentences=tf.constant(given["sentences"]))["embeddings"].numpy(),
    pictures=served["embed_pictures"](image_bytes=tf.constant(pictures))["embeddings"].numpy(),
)
assert not {"cmr", "data_prep"} & {name.split(".")[0] for name in sys.modules}
"""


def served_by_a_stranger(model, sentences, pictures, folder) -> dict[str, np.ndarray]:
    (folder / "given.json").write_text(
        json.dumps({"sentences": sentences, "pictures": [str(path) for path in pictures]})
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-c", STRANGER, model, folder / "given.json", folder / "out.npz"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    with np.load(folder / "out.npz") as arrays:
        return dict(arrays)


LEVELS = ("--text_levels=gru,ngrams,words", "--min_ngram_count=2")


@pytest.fixture(scope="module", params=[("vse",), ("fusion",), ("vse", *LEVELS)], ids=["vse", "fusion", "levels"])
def model(request, pictured_root, tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("packed") / "model.cmr"
    run = pictured_runs.trained(pictured_root, *request.param)
    ended = tiny_runs.call_command("cmr.pack", f"--run_dir={run.path}", f"--to={path}")
    assert ended.returncode == 0, ended.stderr
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[pathlib.Path]:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number, (width, height, form) in enumerate([(300, 200, "jpg"), (100, 220, "jpg"), (60, 60, "png")]):
        small = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
        small.resize((width, height), Image.Resampling.BICUBIC).save(folder / f"{number}.{form}")
    return sorted(folder.iterdir())


def export(*arguments):
    return tiny_runs.call_command("cmr.export", *arguments)


def test_a_process_that_has_nothing_of_ours_gets_the_retrievers_vectors(model, pictures, tmp_path):
    ended = export(f"--model={model}", f"--to={tmp_path / 'serving' / '1'}")
    assert ended.returncode == 0, ended.stderr

    served = served_by_a_stranger(tmp_path / "serving" / "1", SENTENCES, pictures, tmp_path)

    retriever = cmr.load(model)
    np.testing.assert_array_equal(served["sentences"], retriever.embed_sentences(SENTENCES))
    cosines = np.sum(served["pictures"] * retriever.embed_pictures(pictures), axis=1)
    assert cosines.min() > 0.9999
    np.testing.assert_allclose(np.linalg.norm(served["pictures"], axis=1), 1, atol=1e-6)


def test_it_says_what_is_not_read_and_carries_the_card(model, tmp_path):
    ended = export(f"--model={model}", f"--to={tmp_path / 'served'}")

    said = " ".join(ended.stdout.split())
    for part in ("embed_sentences", "image_bytes", "TIFF, AVIF", "EXIF is not followed", "move served to MODEL/1"):
        assert part in said
    assert (tmp_path / "served" / "card.md").read_text(encoding="utf-8") == cmr.load(model).card
    assert [path.name for path in tmp_path.iterdir()] == ["served"]


def test_onnx_gives_the_retrievers_vectors(model, pictures, tmp_path):
    pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    ended = export(f"--model={model}", f"--to={tmp_path / 'onnx'}", "--format=onnx")
    assert ended.returncode == 0, ended.stderr
    assert "ONNX has no tokenizer" in ended.stdout
    retriever = cmr.load(model)
    texts, images = (
        runtime.InferenceSession(tmp_path / "onnx" / name)
        for name in (onnx_model.SENTENCES_ONNX, onnx_model.PICTURES_ONNX)
    )

    words = (tmp_path / "onnx" / onnx_model.VOCABULARY_TXT).read_text(encoding="utf-8").splitlines()
    ids = {line.split("\t")[0]: place for place, line in enumerate(words)}
    tokens = [[ids["a"], ids.get("dog", 1), 2], [1, 2], [2]]
    (sentences,) = texts.run(None, {"word_ids": padded(tokens)})
    squares = {
        onnx_model.input_name(name): np.stack([files.read_crops(path, cnn.input_size, cnn.crops) for path in pictures])
        for name, cnn in retriever.parts.cnns().items()
    }
    (embeddings,) = images.run(None, squares)

    np.testing.assert_allclose(sentences, retriever.embed_sentences(["a dog", "corgi", ""]), atol=1e-5)
    np.testing.assert_allclose(embeddings, retriever.embed_pictures(pictures), atol=1e-4)


def test_where_the_extra_is_missing_it_is_named(model, tmp_path, monkeypatch):
    plain = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.endswith("onnx") else plain(name))

    ended = export(f"--model={model}", f"--to={tmp_path / 'onnx'}", "--format=onnx")

    assert ended.returncode == 1
    assert "pip install 'cmr[onnx]'" in ended.stderr
    assert not list(tmp_path.iterdir())


def test_an_export_that_fails_leaves_nothing(model, tmp_path, monkeypatch):
    def fail(folder, parts):
        folder.mkdir()
        (folder / "half").write_text("")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saved_model, "write", fail)

    ended = export(f"--model={model}", f"--to={tmp_path / '1'}")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "no space left on the disk" in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["an empty folder", "a file", "a link to nothing"])
def test_nothing_is_written_over(model, tmp_path, kind):
    path = tmp_path / "1"
    {"an empty folder": path.mkdir, "a file": path.touch, "a link to nothing": lambda: path.symlink_to("none")}[kind]()

    ended = export(f"--model={model}", f"--to={path}")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"--to={path} exists already" in ended.stderr
