"""A CNN in a .keras file extracts what it computes; other files are refused."""

import keras
import numpy as np
import pytest
from PIL import Image

from cmr.errors import WorkspaceError
from cmr.workspace import features
from data_prep.extract import extraction, saved_cnn
from data_prep.extract.extraction import Pictures

SIZE = 8


def save_cnn(path, shape=(SIZE, SIZE, 3), rank=1):
    picture = keras.Input(shape)
    maps = keras.layers.Conv2D(4, 3)(picture)
    keras.Model(picture, keras.layers.GlobalAveragePooling2D()(maps) if rank == 1 else maps, name="tiny").save(path)
    return path


def test_its_features_are_extracted(tmp_path):
    path = save_cnn(tmp_path / "cnn.keras")
    picture = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "one.png")
    pictures = Pictures(["one"], [tmp_path / "one.png"])

    extraction.extract(saved_cnn.saved_cnn(path, "Inception v3"), pictures, tmp_path / "tuned", 1, 4, "refuse")

    written = features.read_features(tmp_path / "tuned")
    expected = keras.saving.load_model(path)(picture[None].astype(np.float32)).numpy()
    np.testing.assert_allclose(written.array, expected, rtol=1e-5)
    assert (written.extractor["model"], written.extractor["stand_in"]) == ("tiny", "Inception v3")
    assert len(written.extractor["weights_sha256"]) == 64


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(WorkspaceError, match=r"no\.keras does not exist"):
        saved_cnn.saved_cnn(tmp_path / "no.keras", "")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "a.keras").write_text("not a model")

    with pytest.raises(WorkspaceError, match=r"a\.keras is no CNN from pictures to features; give one"):
        saved_cnn.saved_cnn(tmp_path / "a.keras", "")


def test_a_model_whose_output_is_no_vector_is_refused(tmp_path):
    with pytest.raises(WorkspaceError, match="is no CNN from pictures to features"):
        saved_cnn.saved_cnn(save_cnn(tmp_path / "maps.keras", rank=3), "")


def test_pictures_that_are_not_square_are_refused(tmp_path):
    with pytest.raises(WorkspaceError, match="not squares of RGB"):
        saved_cnn.saved_cnn(save_cnn(tmp_path / "wide.keras", shape=(SIZE, 2 * SIZE, 3)), "")
