"""cnn.keras: the CNN of a features' folder gives any picture the features that extraction gave it."""

import json

import keras
import numpy as np
import pytest

from cmr.errors import WorkspaceError
from cmr.pictures import cnn
from cmr.workspace import features


@pytest.fixture
def folder(tmp_path):
    """The folder of features made with ten crops by a CNN of the mean colour."""
    pictures = keras.Input((4, 4, 3))
    model = keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(pictures / 255.0))
    cnn.write_cnn(tmp_path / "mean", model)
    _describe(tmp_path / "mean", {"model": "mean", "crops": 10})
    return tmp_path / "mean"


def _describe(folder, extractor: dict) -> None:
    (folder / features.EXTRACTOR_JSON).write_text(json.dumps({"name": "mean", "stand_in": "", **extractor}))


def test_a_pictures_features_are_the_mean_over_its_crops(folder):
    squares = np.random.default_rng(0).integers(256, size=(3, 10, 4, 4, 3)).astype(np.uint8)

    averaging = cnn.read_cnn(folder)

    assert (averaging.input_size, averaging.crops) == (4, 10)
    np.testing.assert_allclose(averaging.features(squares), squares.mean(axis=(1, 2, 3)) / 255, rtol=1e-5)
    assert averaging.features(squares).dtype == np.float32


def test_a_cnn_that_is_not_there_is_explained(folder):
    with pytest.raises(WorkspaceError, match=r"holds no features and no CNN; run data_prep\.extract"):
        cnn.read_cnn(folder.parent / "other")
    (folder / cnn.CNN_KERAS).write_bytes(b"cut off")
    with pytest.raises(WorkspaceError, match=r"cnn\.keras is damaged"):
        cnn.read_cnn(folder)
    (folder / cnn.CNN_KERAS).unlink()
    with pytest.raises(WorkspaceError, match=r"cnn\.keras is missing; run data_prep\.extract again"):
        cnn.read_cnn(folder)
    _describe(folder, {"model": "hub", "crops": 1})
    with pytest.raises(WorkspaceError, match="tensorflow-hub module"):
        cnn.read_cnn(folder)
    _describe(folder, {"model": "", "crops": None})
    with pytest.raises(WorkspaceError, match="mean were imported"):
        cnn.read_cnn(folder)
    _describe(folder, {"model": 3})
    with pytest.raises(WorkspaceError, match=r"extractor\.json .* model is 3, not a text"):
        cnn.read_cnn(folder)
