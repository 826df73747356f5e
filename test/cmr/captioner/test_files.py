"""captioner/: what is written is read; what is missing, damaged or mixed is refused in one sentence."""

import json

import numpy as np
import pytest

from cmr.captioner import files, model
from cmr.captioner.files import Captioner
from cmr.captioner.looking import Looking
from cmr.config import CaptionerConfig
from cmr.errors import ConfigError, WorkspaceError
from cmr.workspace.fingerprints import Fingerprint
from cmr.workspace.vocabulary import Vocabulary

WORDS = Vocabulary.from_captions(["a dog runs", "a red cat"])


@pytest.fixture(scope="module")
def captioner():
    return Captioner(
        model=model.captioner_model(CaptionerConfig(6, len(WORDS), 5, 4)),
        vocabulary=WORDS,
        train_image_ids=("one.jpg", "two.jpg"),
        dataset="scenes",
        features="scene_cnn-layout",
        checksums={files.CAPTIONS: "34cd"},
        validation_perplexity=7.5,
        settings={"optimizer": "adam"},
        seed=3,
        looking=Looking(7.5, 9.0, 3, 12),
        fingerprint=Fingerprint("12" * 32, 2.5, (-1.5,) * 16),
    )


@pytest.fixture
def folder(captioner, tmp_path):
    files.write_captioner(tmp_path / "captioner", captioner)
    return tmp_path / "captioner"


def test_a_captioner_survives_its_folder(captioner, folder):
    read = files.read_captioner(folder)

    for name in (
        "vocabulary",
        "train_image_ids",
        "dataset",
        "features",
        "validation_perplexity",
        "settings",
        "seed",
        "looking",
        "fingerprint",
    ):
        assert getattr(read, name) == getattr(captioner, name), name
    assert read.checksums == {**captioner.checksums, "vocabulary": WORDS.checksum()}
    assert read.checksum() == captioner.checksum()
    np.testing.assert_array_equal(read.text_space, captioner.text_space)


def test_captioner_json_is_of_the_documented_keys(folder):
    assert set(json.loads((folder / "captioner.json").read_text())) == {
        *("format", "dataset", "features", "feature_dim", "checksums", "validation_perplexity", "settings", "seed"),
        *("looking", "fingerprint"),
    }


def test_an_older_version_knew_the_features_checksum_alone(folder):
    description = json.loads((folder / "captioner.json").read_text())
    del description["fingerprint"]
    description["checksums"]["features"] = "34" * 32
    (folder / "captioner.json").write_text(json.dumps(description))

    assert files.read_captioner(folder).fingerprint == Fingerprint("34" * 32)


@pytest.mark.parametrize("name", ["captioner.json", "captioner.keras", "vocabulary.txt", "train_image_ids.txt"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()

    with pytest.raises(WorkspaceError, match=rf"{name}.* is missing.*cmr.pretrain"):
        files.read_captioner(folder)


@pytest.mark.parametrize("name", ["captioner.json", "captioner.keras", "vocabulary.txt", "train_image_ids.txt"])
def test_a_damaged_file_is_named(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:20] + b"\xff")

    with pytest.raises(
        WorkspaceError, match=rf"{name} (is.* damaged|can't be read|is not JSON|is not UTF-8).*cmr.pretrain"
    ):
        files.read_captioner(folder)


def test_another_format_is_refused(folder):
    description = json.loads((folder / "captioner.json").read_text())
    (folder / "captioner.json").write_text(json.dumps({**description, "format": 99}))

    with pytest.raises(WorkspaceError, match="format is 99, not 1; remove"):
        files.read_captioner(folder)


@pytest.mark.parametrize(
    ("changed", "flaw"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"checksums": {}}, "checksums.vocabulary is missing"),
        ({"checksums": [1]}, "checksums is .1., not an object"),
        ({"validation_perplexity": "low"}, "validation_perplexity is 'low'"),
        ({"settings": None}, "settings is None"),
        ({"feature_dim": 7}, "feature_dim 7, but captioner.keras has 6"),
        ({"features": 5}, "features is 5"),
        ({"fingerprint": {"sha256": "ab"}}, "fingerprint.sha256 is 'ab', not a SHA-256"),
    ],
)
def test_a_description_with_a_wrong_key_is_refused(folder, changed, flaw):
    description = json.loads((folder / "captioner.json").read_text())
    (folder / "captioner.json").write_text(json.dumps({**description, **changed}))

    with pytest.raises(WorkspaceError, match=rf"captioner\.json .*{flaw}.*; remove"):
        files.read_captioner(folder)


def test_a_description_without_a_key_is_refused(folder):
    description = json.loads((folder / "captioner.json").read_text())
    del description["features"]
    (folder / "captioner.json").write_text(json.dumps(description))

    with pytest.raises(WorkspaceError, match=r"captioner\.json is .*: features is missing; remove"):
        files.read_captioner(folder)


def test_a_vocabulary_that_the_captioner_did_not_learn_is_refused(folder):
    Vocabulary.from_captions(["a dog runs", "a red dog cat"]).write(folder / "vocabulary.txt")

    with pytest.raises(WorkspaceError, match=r"vocabulary.txt is not the one that the captioner learnt"):
        files.read_captioner(folder)


def test_a_half_written_folder_is_not_taken_for_a_captioner(captioner, folder, monkeypatch):
    """Written over an older one and killed before the end, it must not pass for either."""
    monkeypatch.setattr(files, "write_model", _stop)

    with pytest.raises(KeyboardInterrupt):
        files.write_captioner(folder, captioner)

    assert not (folder / "captioner.json").exists()


def _stop(*_):
    raise KeyboardInterrupt


def test_training_over_an_imported_captioner_is_refused(folder):
    with pytest.raises(ConfigError, match="was imported; give another --captioner_dir"):
        files.check_not_imported(folder)
