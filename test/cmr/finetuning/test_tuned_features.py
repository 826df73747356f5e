"""Features of a tuned CNN: extraction's own, made once, made anew when the CNN is another, damage named."""

import keras
import numpy as np
import pytest
import tunable_runs

from cmr.data.inputs import read_inputs
from cmr.errors import DataError, WorkspaceError
from cmr.finetuning.tuned_features import write_tuned_features
from cmr.pictures import cnn, row_filling
from cmr.workspace import features


@pytest.fixture
def inputs(tunable_root):
    return read_inputs(tunable_runs.workspace(tunable_root), tunable_runs.FEATURES, "")


def write(inputs, folder, lost=""):
    val = inputs.split("val")
    paths = [inputs.image_dir / (lost or name) for name in val.file_names]
    write_tuned_features(folder, inputs.features["vgg_features"], val.image_ids, paths)
    return features.read_features(folder)


@pytest.fixture
def folder(tmp_path):
    """A run's folder of a CNN that has learnt nothing."""
    path = tmp_path / "run" / "features" / "vgg_features" / "three_blocks-finetuned"
    cnn.write_cnn(path, tunable_runs.three_blocks())
    return path


def test_a_cnn_that_has_learnt_nothing_gives_what_was_extracted(inputs, folder):
    written = write(inputs, folder)

    before = inputs.features["vgg_features"]
    np.testing.assert_allclose(written.array[:], before.array[before.rows(written.image_ids)], atol=1e-6)
    kept = {name: before.extractor[name] for name in ("model", "layer", "crops", "input_size", "stand_in")}
    assert kept.items() <= written.extractor.items()
    assert written.name == "three_blocks-finetuned"


def test_they_are_made_once(inputs, folder, monkeypatch):
    write(inputs, folder)
    monkeypatch.setattr(row_filling, "fill_rows", None)

    write(inputs, folder)


@pytest.mark.parametrize("name", [features.FEATURES_NPY, features.EXTRACTOR_JSON])
def test_damaged_ones_are_made_again(inputs, folder, name):
    before = write(inputs, folder).array[:]
    (folder / name).write_bytes((folder / name).read_bytes()[:50])

    np.testing.assert_array_equal(write(inputs, folder).array[:], before)


def test_those_of_another_epochs_cnn_are_made_anew(inputs, folder):
    before = write(inputs, folder).array[:]
    learnt = keras.saving.load_model(folder / cnn.CNN_KERAS, compile=False)
    learnt.get_layer("head").bias.assign_add(np.ones(6))
    cnn.write_cnn(folder, learnt)

    assert not np.allclose(write(inputs, folder).array[:], before)


def test_a_missing_cnn_names_the_run_to_be_trained_again(inputs, folder):
    (folder / cnn.CNN_KERAS).unlink()

    with pytest.raises(WorkspaceError, match=r"cnn\.keras is missing; remove .*/run and train the run again"):
        write(inputs, folder)


def test_a_picture_that_is_gone_is_named(inputs, folder):
    with pytest.raises(DataError, match=r"lost\.png does not exist"):
        write(inputs, folder, "lost.png")
