"""Extraction: what lands in features/<name>/, what bad pictures do, and going on after a kill."""

import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from coloured_pictures import SIZE, coloured_pictures, extract, mean_colour
from commands import ROOT
from PIL import Image

from cmr.errors import DataError, WorkspaceError
from cmr.pictures import cnn, files
from cmr.workspace import features
from data_prep.extract import extraction
from data_prep.extract.cnns import Extractor
from data_prep.extract.extraction import Pictures


@pytest.mark.parametrize("crops", [1, 10])
def test_every_image_has_its_row(tmp_path, crops):
    pictures, colours = coloured_pictures(tmp_path, 11)

    extract(pictures, tmp_path / "features", crops=crops)

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


@pytest.mark.parametrize("image_batch", [1, 30])
def test_ten_crops_are_averaged_over_each_image(tmp_path, image_batch):
    random = np.random.default_rng(5)
    paths = [tmp_path / f"{number}.png" for number in range(7)]
    for path in paths:
        Image.fromarray(random.integers(256, size=(20, 20, 3)).astype(np.uint8)).save(path)
    pictures = Pictures([path.name for path in paths], paths)

    extraction.extract(mean_colour(), pictures, tmp_path / "features", 10, image_batch, "refuse")

    crops = np.array([files.read_crops(str(path), SIZE, 10) for path in paths], np.float64).mean(axis=(2, 3))
    # The crops of a picture differ, so neither the first nor any other is the mean.
    assert np.ptp(crops, axis=1).min() > 0.5
    rows = features.read_features(tmp_path / "features").array
    np.testing.assert_allclose(rows, crops.mean(axis=1), rtol=1e-5)


def test_what_is_extracted_is_not_extracted_again(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 3)
    first = extract(pictures, tmp_path / "features")
    for path in pictures.paths:
        path.unlink()

    again = extract(pictures, tmp_path / "features")

    assert again == {**first, "seconds": 0.0}


def test_a_cnn_that_is_missing_beside_its_features_is_added(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 3)
    extract(pictures, tmp_path / "features")
    (tmp_path / "features" / cnn.CNN_KERAS).unlink()

    again = extract(pictures, tmp_path / "features")

    assert again["seconds"] == 0
    assert (tmp_path / "features" / cnn.CNN_KERAS).exists()


def test_other_weights_are_extracted_again(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 3)
    extract(pictures, tmp_path / "features")

    again = extract(pictures, tmp_path / "features", mean_colour("another file"))

    assert again["seconds"] > 0
    assert features.read_features(tmp_path / "features").extractor["weights_sha256"] == "another file"


def test_missing_pictures_are_refused_before_the_cnn_runs(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 5)
    pictures.paths[3].unlink()

    with pytest.raises(DataError, match=r"1 of 5 pictures are not there, such as .*3\.png"):
        extract(pictures, tmp_path / "features")
    assert not (tmp_path / "features").exists()


def test_a_corrupt_picture_stops_the_extraction_and_loses_nothing(tmp_path):
    pictures, colours = coloured_pictures(tmp_path, 11)
    whole = pictures.paths[9].read_bytes()
    pictures.paths[9].write_bytes(b"")
    with pytest.raises(DataError, match=r"9\.png is empty; .*--on_corrupt=blank"):
        extract(pictures, tmp_path / "features")
    assert json.loads((tmp_path / "features" / "progress.json").read_text())["rows"] == 8
    # Were they read again, these would be refused.
    for path in pictures.paths[:8]:
        path.write_bytes(b"")

    pictures.paths[9].write_bytes(whole)
    extract(pictures, tmp_path / "features")

    np.testing.assert_allclose(features.read_features(tmp_path / "features").array, colours, atol=1e-3)


def test_a_grey_picture_stands_for_a_corrupt_one_where_asked_for(tmp_path):
    pictures, colours = coloured_pictures(tmp_path, 6)
    pictures.paths[4].write_bytes(b"no picture")

    extract(pictures, tmp_path / "features", on_corrupt="blank")

    found = features.read_features(tmp_path / "features")
    assert found.extractor["blank_images"] == ["4.png"]
    np.testing.assert_allclose(found.array, [*colours[:4], [127] * 3, colours[5]], atol=1e-3)


def test_values_that_are_not_finite_are_refused(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 3)

    def build() -> keras.Model:
        inputs = keras.Input((SIZE, SIZE, 3))
        return keras.Model(inputs, keras.ops.log(-keras.layers.GlobalAveragePooling2D()(inputs) - 1.0))

    broken = Extractor("broken", "mean", "pool", "none", "", SIZE, "", build)

    with pytest.raises(DataError, match="not finite"):
        extract(pictures, tmp_path / "features", broken)
    assert not (tmp_path / "features" / features.EXTRACTOR_JSON).exists()


_KILLED = """
import os, pathlib, signal, sys, time
import coloured_pictures
from cmr.pictures import files
from data_prep.extract import extraction

read_crops = files.read_crops
pictures, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])

def read_or_die(path, size, crops):
    if path.endswith("/30.png"):
        while not (folder / "progress.json").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return read_crops(path, size, crops)

files.read_crops = read_or_die
extraction._SECONDS_BETWEEN_SAVES = 0
paths = [pictures / f"{number}.png" for number in range(40)]
coloured_pictures.extract(extraction.Pictures([path.name for path in paths], paths), folder)
"""


def test_an_extraction_that_was_killed_goes_on(tmp_path):
    pictures, colours = coloured_pictures(tmp_path, 40)
    folder = tmp_path / "features"
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, tmp_path, folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "test" / "support"), *sys.path])},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(WorkspaceError, match="is missing"):
        features.read_features(folder)
    rows = json.loads((folder / "progress.json").read_text())["rows"]
    assert 0 < rows < 40
    # Were they read again, these would be refused.
    for path in pictures.paths[:rows]:
        path.write_bytes(b"")

    extract(pictures, folder)

    np.testing.assert_allclose(features.read_features(folder).array, colours, atol=1e-3)


def test_rows_of_other_settings_are_not_gone_on_from(tmp_path):
    pictures, colours = coloured_pictures(tmp_path, 12)
    whole = pictures.paths[9].read_bytes()
    pictures.paths[9].write_bytes(b"")
    with pytest.raises(DataError):
        extract(pictures, tmp_path / "features", mean_colour("another file"))
    pictures.paths[9].write_bytes(whole)
    Image.new("RGB", (5, 5), "black").save(pictures.paths[0])

    extract(pictures, tmp_path / "features")

    found = features.read_features(tmp_path / "features").array
    np.testing.assert_allclose(found, [[0, 0, 0], *colours[1:]], atol=1e-3)
