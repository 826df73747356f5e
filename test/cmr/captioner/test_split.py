"""Captions of pictures and of a split, with a captioner that tells a picture's colour."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_runs import call_command

from cmr.captioner import files, split
from cmr.captioner.beam_search import SearchConfig
from cmr.captioner.files import Captioner
from cmr.captioner.model import captioner_model
from cmr.captioner.pictures import caption_pictures, find_pictures
from cmr.config import CaptionerConfig
from cmr.errors import DataError, WorkspaceError
from cmr.pictures import cnn
from cmr.pictures.cnn import Cnn
from cmr.workspace import captions, features, vocabulary
from cmr.workspace.paths import Workspace
from cmr.workspace.vocabulary import Vocabulary

_COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}
EXTRACTOR = {"name": "mean_colour", "model": "mean", "stand_in": "", "crops": 1}
_SEARCH = SearchConfig(width=2, max_words=4)


def _colour_captioner(dataset: Workspace) -> Captioner:
    """Says "red", "green" or "blue": the LSTM remembers the image, and a word that was said ends the sentence."""
    words = Vocabulary.from_captions(["red", "green", "blue"])
    model = captioner_model(CaptionerConfig(3, len(words), embedding_dim=8, lstm_units=4))
    weights = {weight.path: np.zeros(weight.shape) for weight in model.weights}
    image, table, kernel, bias, _recurrent, logits, _logits_bias = weights.values()
    image[:3, :3] = 10 * np.eye(3)
    table[3:-1, 3] = 10.0
    units = 4
    for unit in range(units):
        # Input gates open, forget gates open, output gates open: c gathers tanh of the inputs.
        bias[unit] = bias[units + unit] = bias[3 * units + unit] = 20.0
        kernel[unit, 2 * units + unit] = 1.0
    for row, colour in enumerate(_COLOURS):
        logits[row, words.ids[colour]] = 20.0
    logits[3, vocabulary.END_ID] = 100.0
    model.set_weights(list(weights.values()))
    learnt_from = features.read_features(dataset.features_dir("mean_colour")).fingerprint()
    return Captioner(model, words, (), "scenes", "mean_colour", {}, None, {}, None, fingerprint=learnt_from)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Workspace:
    """Six plain pictures, whose features are their mean colours, with a sentence of two words each."""
    workspace = Workspace(tmp_path_factory.mktemp("captions") / "workspace", "scenes")
    workspace.dataset_dir.mkdir(parents=True)
    workspace.write_description({"dataset": "scenes", "image_dir": "images"})
    (workspace.dataset_dir / "images").mkdir()
    rows, vectors = [], []
    for number, (name, colour) in enumerate([*_COLOURS.items()] * 2):
        image_id = f"{number}.png"
        Image.new("RGB", (9, 7), colour).save(workspace.dataset_dir / "images" / image_id)
        rows += [(image_id, image_id, "test", f"{image_id}#{n}", f"{text} {name}.") for n, text in enumerate("aA")]
        vectors.append(np.array(colour) / 255)
    captions.write_captions(workspace.captions_csv, pd.DataFrame(rows, columns=list(captions.COLUMNS)))
    folder = workspace.features_dir("mean_colour")
    folder.mkdir(parents=True)
    np.save(folder / features.FEATURES_NPY, np.array(vectors, np.float32))
    pictures = keras.Input((4, 4, 3))
    cnn.write_cnn(folder, keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(pictures / 255.0)))
    features.write_description(folder, [f"{n}.png" for n in range(6)], EXTRACTOR)
    files.write_captioner(workspace.captioner_dir, _colour_captioner(workspace))
    return workspace


@pytest.fixture(scope="module")
def colours(dataset) -> Captioner:
    return files.read_captioner(dataset.captioner_dir)


def test_a_split_is_captioned_from_its_cached_features_and_scored(dataset, colours):
    said = split.caption_split(dataset, colours, None, "test", _SEARCH)

    assert said.image_ids == [f"{n}.png" for n in range(6)]
    assert said.captions == [*_COLOURS] * 2
    assert said.references[1] == ["a green.", "A green."]
    # Every word is right, each caption is one word short.
    assert said.scores.scores["BLEU-1"] == pytest.approx(100 * np.exp(-1), rel=1e-5)


def test_a_captioner_with_a_cnn_of_its_own_sees_the_pictures_through_it(dataset, colours):
    pictures = keras.Input((4, 4, 3))
    # It takes red for green, green for blue and blue for red.
    swapped = keras.layers.GlobalAveragePooling2D()(keras.ops.roll(pictures, 1, axis=-1) / 255.0)
    own_cnn = Cnn(keras.Model(pictures, swapped), 1)

    said = split.caption_split(dataset, colours, own_cnn, "test", _SEARCH)

    assert said.captions == ["green", "blue", "red"] * 2


def test_images_that_the_captioner_learnt_from_are_counted(colours):
    knows = dataclasses.replace(colours, train_image_ids=("0.png", "9.png"))

    assert split.seen_in_training(knows, "scenes", ["0.png", "1.png"]) == "It learnt from 1 of these 2 images."
    assert split.seen_in_training(knows, "scenes", ["1.png"]) == ""
    assert "it is not known from which" in split.seen_in_training(colours, "scenes", ["1.png"])
    assert split.seen_in_training(colours, "flickr8k", ["1.png"]) == ""


def test_features_of_another_kind_are_refused(dataset, colours, tmp_path):
    other = Workspace(tmp_path, "scenes")
    folder = other.features_dir("mean_colour")
    folder.mkdir(parents=True)
    for dim, sentence in ((5, "has 5 values an image, the captioner takes 3"), (3, "is not what the captioner learnt")):
        np.save(folder / features.FEATURES_NPY, np.ones((6, dim), np.float32))
        features.write_description(folder, [f"{n}.png" for n in range(6)], EXTRACTOR)
        with pytest.raises(WorkspaceError, match=sentence):
            split.matching_features(other, colours)


def test_features_of_another_machine_are_taken(dataset, colours, tmp_path):
    other = Workspace(tmp_path, "scenes")
    kept = features.read_features(dataset.features_dir("mean_colour"))
    folder = shutil.copytree(kept.path, other.features_dir("mean_colour"))
    np.save(folder / features.FEATURES_NPY, kept.array[:] * np.float32(1.000001))

    taken = split.matching_features(other, colours)

    assert taken.path == folder
    assert taken.checksum() != kept.checksum()


def test_pictures_are_captioned_in_order_and_the_unreadable_are_named(dataset, colours, tmp_path):
    images = dataset.dataset_dir / "images"
    (tmp_path / "bad.png").write_text("no picture")
    paths = [images / "2.png", tmp_path / "bad.png", images / "0.png"] * 7

    captioned = list(caption_pictures(paths, cnn.read_cnn(dataset.features_dir("mean_colour")), colours, _SEARCH))

    assert [one.path for one in captioned] == paths
    assert [one.caption for one in captioned] == ["blue", "", "red"] * 7
    assert "bad.png is not a picture" in captioned[1].failure
    assert captioned[0].log_probability == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.jpg", ["a.jpg", "b[1].jpg"]),
        ("b[1].jpg", ["b[1].jpg"]),
        ("**/*.jpg", ["a.jpg", "b[1].jpg", "below/c.jpg"]),
        ("below/?.jpg", ["below/c.jpg"]),
    ],
)
def test_a_pattern_finds_files_sorted(tmp_path, pattern, names):
    (tmp_path / "below").mkdir()
    for name in ("b[1].jpg", "a.jpg", "below/c.jpg", "notes.txt"):
        (tmp_path / name).touch()

    paths = find_pictures(f"{tmp_path}/{pattern}")

    assert paths == [tmp_path / name for name in names]


def test_a_pattern_of_nothing_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\*\.jpg matches no file"):
        find_pictures(f"{tmp_path}/none*.jpg")
    with pytest.raises(DataError, match=r"is a folder; give --images='.*/\*\.jpg'"):
        find_pictures(str(tmp_path))


def test_the_command_prints_a_line_a_picture_and_fails_in_the_end_for_those_it_skipped(dataset, tmp_path):
    for name in ("red", "blue"):
        Image.new("RGB", (9, 7), _COLOURS[name]).save(tmp_path / f"{name}.png")
    (tmp_path / "empty.png").touch()

    ended = call_command("cmr.caption", f"--workspace_dir={dataset.root}", f"--images={tmp_path}/*.png")

    lines = ended.stdout.splitlines()
    assert [line.split(" (log p ")[0] for line in lines] == [
        f"{tmp_path}/{name}.png: {name}" for name in ("blue", "red")
    ]
    assert ended.stderr.splitlines() == [
        f"skipped: {tmp_path}/empty.png is empty",
        "error: 1 of 3 pictures can't be read; the others have their captions",
    ]
    assert ended.returncode == 1


def test_the_command_scores_a_split_and_keeps_every_caption(dataset):
    ended = call_command("cmr.caption", f"--workspace_dir={dataset.root}", "--split=test", "--beam_width=1")

    assert ended.returncode == 0, ended.stderr
    assert "BLEU-1  BLEU-2  BLEU-3  BLEU-4   CIDEr" in ended.stdout
    kept = json.loads((dataset.captioner_dir / split.CAPTIONS_JSON).read_text())
    assert [one["caption"] for one in kept["captions"]] == [*_COLOURS] * 2
    assert kept["search"]["width"] == 1


def test_without_the_scorers_captions_are_written_and_it_is_said_what_is_left_out(dataset, monkeypatch):
    monkeypatch.setattr(split, "has_scorers", lambda: False)

    ended = call_command("cmr.caption", f"--workspace_dir={dataset.root}", "--split=test", "--beam_width=1")

    assert ended.returncode == 0, ended.stderr
    assert "BLEU and CIDEr are left out; for them: pip install 'cmr[captions]'" in ended.stdout
    kept = json.loads((dataset.captioner_dir / split.CAPTIONS_JSON).read_text())
    assert [one["caption"] for one in kept["captions"]] == [*_COLOURS] * 2
    assert "scores" not in kept and "cider" not in kept["captions"][0]


@pytest.mark.parametrize("flag", ["--length_factor=300", "--max_words=100000000000000000000000"])
def test_a_number_that_nothing_can_be_counted_by_is_refused(dataset, flag):
    ended = call_command("cmr.caption", f"--workspace_dir={dataset.root}", "--split=test", flag)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert flag.split("=")[0].removeprefix("--") in ended.stderr
