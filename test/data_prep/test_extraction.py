"""Extraction: what lands in features/<name>/, what bad pictures do, and going on after a kill."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from cmr import cnn, errors, features
from data_prep import cnns, extraction

_SIZE = 8


def _mean_colour(checksum: str = "") -> cnns.Cnn:
    """A CNN whose features are the picture's mean red, green and blue."""

    def build() -> keras.Model:
        pictures = keras.Input((_SIZE, _SIZE, 3))
        return keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(pictures))

    return cnns.Cnn("mean_colour", "mean", "pool", "none", checksum, _SIZE, "nothing", build)


def _pictures(folder: pathlib.Path, count: int) -> tuple[extraction.Pictures, np.ndarray]:
    """Plain pictures, and their colours `[count, 3]`."""
    colours = np.random.default_rng(3).integers(256, size=(count, 3))
    paths = [folder / f"{number}.png" for number in range(count)]
    for path, colour in zip(paths, colours, strict=True):
        Image.new("RGB", (20, 10), tuple(colour.tolist())).save(path)
    return extraction.Pictures([path.name for path in paths], paths), colours


def _extract(pictures, folder, cnn=None, crops=1, on_corrupt="refuse"):
    return extraction.extract(cnn or _mean_colour(), pictures, folder, crops, 4, on_corrupt)


@pytest.mark.parametrize("crops", [1, 10])
def test_every_image_has_its_row(tmp_path, crops):
    pictures, colours = _pictures(tmp_path, 11)

    _extract(pictures, tmp_path / "features", crops=crops)

    found = features.read_features(tmp_path / "features")
    assert found.array.dtype == np.float32
    assert found.image_ids == tuple(pictures.image_ids)
    np.testing.assert_allclose(found.array, colours, atol=1e-3)
    assert found.extractor["crops"] == crops
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == [
        cnn.CNN_KERAS,
        features.EXTRACTOR_JSON,
        features.FEATURES_NPY,
        features.IMAGE_IDS_TXT,
    ]


def test_what_is_extracted_is_not_extracted_again(tmp_path):
    pictures, _ = _pictures(tmp_path, 3)
    first = _extract(pictures, tmp_path / "features")
    for path in pictures.paths:
        path.unlink()

    again = _extract(pictures, tmp_path / "features")

    assert again == {**first, "seconds": 0.0}


def test_a_cnn_that_is_missing_beside_its_features_is_added(tmp_path):
    pictures, _ = _pictures(tmp_path, 3)
    _extract(pictures, tmp_path / "features")
    (tmp_path / "features" / cnn.CNN_KERAS).unlink()

    again = _extract(pictures, tmp_path / "features")

    assert again["seconds"] == 0
    assert (tmp_path / "features" / cnn.CNN_KERAS).exists()


def test_other_weights_are_extracted_again(tmp_path):
    pictures, _ = _pictures(tmp_path, 3)
    _extract(pictures, tmp_path / "features")

    again = _extract(pictures, tmp_path / "features", _mean_colour("another file"))

    assert again["seconds"] > 0
    assert features.read_features(tmp_path / "features").extractor["weights_sha256"] == "another file"


def test_missing_pictures_are_refused_before_the_cnn_runs(tmp_path):
    pictures, _ = _pictures(tmp_path, 5)
    pictures.paths[3].unlink()

    with pytest.raises(errors.DataError, match=r"1 of 5 pictures are not there, such as .*3\.png"):
        _extract(pictures, tmp_path / "features")
    assert not (tmp_path / "features").exists()


def test_a_corrupt_picture_stops_the_extraction_and_loses_nothing(tmp_path):
    pictures, colours = _pictures(tmp_path, 11)
    whole = pictures.paths[9].read_bytes()
    pictures.paths[9].write_bytes(b"")
    with pytest.raises(errors.DataError, match=r"9\.png is empty; .*--on_corrupt=blank"):
        _extract(pictures, tmp_path / "features")
    assert json.loads((tmp_path / "features" / "progress.json").read_text())["rows"] == 8
    # Were they read again, these would be refused.
    for path in pictures.paths[:8]:
        path.write_bytes(b"")

    pictures.paths[9].write_bytes(whole)
    _extract(pictures, tmp_path / "features")

    np.testing.assert_allclose(features.read_features(tmp_path / "features").array, colours, atol=1e-3)


def test_a_grey_picture_stands_for_a_corrupt_one_where_asked_for(tmp_path):
    pictures, colours = _pictures(tmp_path, 6)
    pictures.paths[4].write_bytes(b"no picture")

    _extract(pictures, tmp_path / "features", on_corrupt="blank")

    found = features.read_features(tmp_path / "features")
    assert found.extractor["blank_images"] == ["4.png"]
    np.testing.assert_allclose(found.array, [*colours[:4], [127] * 3, colours[5]], atol=1e-3)


def test_values_that_are_not_finite_are_refused(tmp_path):
    pictures, _ = _pictures(tmp_path, 3)

    def build() -> keras.Model:
        inputs = keras.Input((_SIZE, _SIZE, 3))
        return keras.Model(inputs, keras.ops.log(-keras.layers.GlobalAveragePooling2D()(inputs) - 1.0))

    broken = cnns.Cnn("broken", "mean", "pool", "none", "", _SIZE, "", build)

    with pytest.raises(errors.DataError, match="not finite"):
        _extract(pictures, tmp_path / "features", broken)
    assert not (tmp_path / "features" / features.EXTRACTOR_JSON).exists()


_KILLED = """
import os, pathlib, signal, sys, time
import test_extraction
from cmr import image_files
from data_prep import extraction

read_crops = image_files.read_crops
pictures, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])

def read_or_die(path, size, crops):
    if path.endswith("/30.png"):
        while not (folder / "progress.json").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return read_crops(path, size, crops)

image_files.read_crops = read_or_die
extraction._SECONDS_BETWEEN_SAVES = 0
paths = [pictures / f"{number}.png" for number in range(40)]
test_extraction._extract(extraction.Pictures([path.name for path in paths], paths), folder)
"""


def test_an_extraction_that_was_killed_goes_on(tmp_path):
    pictures, colours = _pictures(tmp_path, 40)
    folder = tmp_path / "features"
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, tmp_path, folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "test"), *sys.path])},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(errors.WorkspaceError, match="is missing"):
        features.read_features(folder)
    rows = json.loads((folder / "progress.json").read_text())["rows"]
    assert 0 < rows < 40
    # Were they read again, these would be refused.
    for path in pictures.paths[:rows]:
        path.write_bytes(b"")

    _extract(pictures, folder)

    np.testing.assert_allclose(features.read_features(folder).array, colours, atol=1e-3)


def test_rows_of_other_settings_are_not_gone_on_from(tmp_path):
    pictures, colours = _pictures(tmp_path, 12)
    whole = pictures.paths[9].read_bytes()
    pictures.paths[9].write_bytes(b"")
    with pytest.raises(errors.DataError):
        _extract(pictures, tmp_path / "features", _mean_colour("another file"))
    pictures.paths[9].write_bytes(whole)
    Image.new("RGB", (5, 5), "black").save(pictures.paths[0])

    _extract(pictures, tmp_path / "features")

    found = features.read_features(tmp_path / "features").array
    np.testing.assert_allclose(found, [[0, 0, 0], *colours[1:]], atol=1e-3)
