"""captioner/: what is written is read; what is missing, damaged or mixed is refused in one sentence."""

import json

import numpy as np
import pytest

from cmr import captioner, captioner_files, errors, vocabulary

WORDS = vocabulary.Vocabulary.from_captions(["a dog runs", "a red cat"])


@pytest.fixture(scope="module")
def found():
    return captioner_files.Captioner(
        model=captioner.captioner_model(captioner.CaptionerConfig(6, len(WORDS), 5, 4)),
        vocabulary=WORDS,
        train_image_ids=("one.jpg", "two.jpg"),
        dataset="scenes",
        features="scene_cnn-layout",
        checksums={captioner_files.FEATURES: "12ab", captioner_files.CAPTIONS: "34cd"},
        validation_perplexity=7.5,
        settings={"optimizer": "adam"},
        seed=3,
    )


@pytest.fixture
def folder(found, tmp_path):
    captioner_files.write_captioner(tmp_path / "captioner", found)
    return tmp_path / "captioner"


def test_a_captioner_survives_its_folder(found, folder):
    read = captioner_files.read_captioner(folder)

    for name in ("vocabulary", "train_image_ids", "dataset", "features", "validation_perplexity", "settings", "seed"):
        assert getattr(read, name) == getattr(found, name), name
    assert read.checksums == {**found.checksums, "vocabulary": WORDS.checksum()}
    assert read.checksum() == found.checksum()
    np.testing.assert_array_equal(read.image_embedding, found.image_embedding)


def test_captioner_json_is_of_the_documented_keys(folder):
    assert set(json.loads((folder / "captioner.json").read_text())) == {
        *("format", "dataset", "features", "feature_dim", "checksums", "validation_perplexity", "settings", "seed")
    }


@pytest.mark.parametrize("name", ["captioner.json", "captioner.keras", "vocabulary.txt", "train_image_ids.txt"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()

    with pytest.raises(errors.WorkspaceError, match=rf"{name}.* is missing.*cmr.pretrain"):
        captioner_files.read_captioner(folder)


@pytest.mark.parametrize("name", ["captioner.json", "captioner.keras", "vocabulary.txt"])
def test_a_damaged_file_is_named(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:20] + b"\xff")

    with pytest.raises(errors.WorkspaceError, match=rf"{name} is.* damaged.*cmr.pretrain"):
        captioner_files.read_captioner(folder)


def test_another_format_is_refused(folder):
    description = json.loads((folder / "captioner.json").read_text())
    (folder / "captioner.json").write_text(json.dumps({**description, "format": 99}))

    with pytest.raises(errors.WorkspaceError, match="of another version; remove"):
        captioner_files.read_captioner(folder)


def test_a_description_without_a_key_is_refused(folder):
    description = json.loads((folder / "captioner.json").read_text())
    del description["features"]
    (folder / "captioner.json").write_text(json.dumps(description))

    with pytest.raises(errors.WorkspaceError, match=r"captioner\.json lacks 'features'"):
        captioner_files.read_captioner(folder)


def test_a_vocabulary_that_the_captioner_did_not_learn_is_refused(folder):
    vocabulary.Vocabulary.from_captions(["a dog runs", "a red dog cat"]).write(folder / "vocabulary.txt")

    with pytest.raises(errors.WorkspaceError, match=r"vocabulary.txt is not the one that the captioner learnt"):
        captioner_files.read_captioner(folder)


def test_a_half_written_folder_is_not_taken_for_a_captioner(found, folder, monkeypatch):
    """Written over an older one and killed before the end, it must not pass for either."""
    monkeypatch.setattr(captioner_files, "write_model", _stop)

    with pytest.raises(KeyboardInterrupt):
        captioner_files.write_captioner(folder, found)

    assert not (folder / "captioner.json").exists()


def _stop(*_):
    raise KeyboardInterrupt


def test_training_over_an_imported_captioner_is_refused(folder):
    with pytest.raises(errors.ConfigError, match="was imported; give another --captioner_dir"):
        captioner_files.check_not_imported(folder)
