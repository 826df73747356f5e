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
from coloured_pictures import SIZE, colour_grid, coloured_pictures, extract, mean_colour
from commands import ROOT
from PIL import Image

from cmr.errors import DataError, WorkspaceError
from cmr.pictures import cnn, files
from cmr.workspace import features
from data_prep.extract import extraction
from data_prep.extract.cnn_description import CnnDescription
from data_prep.extract.extraction import Pictures


@pytest.mark.parametrize("crops", [1, 10])
def test_every_image_has_its_row(tmp_path, crops):
    pictures, colours = coloured_pictures(tmp_path, 11)

    extract(pictures, tmp_path / "features", crops=crops)

    written = features.read_features(tmp_path / "features")
    assert written.array.dtype == np.float32
    assert written.image_ids == tuple(pictures.image_ids)
    np.testing.assert_allclose(written.array, colours, atol=1e-3)
    assert written.extractor["crops"] == crops
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == [
        features.CHECKED_JSON,
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


def test_every_image_has_its_grid(tmp_path):
    random = np.random.default_rng(5)
    paths = [tmp_path / f"{number}.png" for number in range(7)]
    for path in paths:
        Image.fromarray(random.integers(256, size=(SIZE, SIZE, 3)).astype(np.uint8)).save(path)
    pictures = Pictures([path.name for path in paths], paths)

    extract(pictures, tmp_path / "features", colour_grid())

    written = features.read_grid(tmp_path / "features")
    assert (written.array.dtype, written.cells, written.extractor["cells"]) == (np.float16, 4, 4)
    half = SIZE // 2
    squares = np.array([files.read_crops(str(path), SIZE, 1)[0] for path in paths], np.float64)
    for cell, (top, left) in enumerate([(0, 0), (0, half), (half, 0), (half, half)]):
        quarter = squares[:, top : top + half, left : left + half].mean(axis=(1, 2))
        np.testing.assert_allclose(np.array(written.array)[:, cell], quarter, rtol=1e-3)


@pytest.mark.parametrize("cnn_of", [mean_colour, colour_grid])
def test_what_is_extracted_is_not_extracted_again(tmp_path, cnn_of):
    pictures, _ = coloured_pictures(tmp_path, 3)
    first = extract(pictures, tmp_path / "features", cnn_of())
    for path in pictures.paths:
        path.unlink()

    again = extract(pictures, tmp_path / "features", cnn_of())

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

    written = features.read_features(tmp_path / "features")
    assert written.extractor["blank_images"] == ["4.png"]
    np.testing.assert_allclose(written.array, [*colours[:4], [127] * 3, colours[5]], atol=1e-3)


def test_a_grey_picture_that_stands_already_is_refused_until_the_picture_is_mended(tmp_path):
    pictures, colours = coloured_pictures(tmp_path, 6)
    whole = pictures.paths[4].read_bytes()
    pictures.paths[4].write_bytes(b"no picture")
    extract(pictures, tmp_path / "features", on_corrupt="blank")

    with pytest.raises(
        DataError, match=r"4\.png couldn't be read when .* was extracted; mend it, or give --on_corrupt"
    ):
        extract(pictures, tmp_path / "features")

    pictures.paths[4].write_bytes(whole)
    extract(pictures, tmp_path / "features")
    written = features.read_features(tmp_path / "features")
    assert written.extractor["blank_images"] == []
    np.testing.assert_allclose(written.array, colours, atol=1e-3)


def test_other_pictures_of_the_same_names_are_extracted_and_touched_or_removed_ones_are_not_again(tmp_path):
    pictures, colours = coloured_pictures(tmp_path, 6)
    assert extract(pictures, tmp_path / "features")["seconds"] > 0
    for path in pictures.paths:
        os.utime(path, (1, 1))
    assert extract(pictures, tmp_path / "features")["seconds"] == 0

    contents = [path.read_bytes() for path in pictures.paths]
    for path, content in zip(pictures.paths, reversed(contents), strict=True):
        path.write_bytes(content)
    assert extract(pictures, tmp_path / "features")["seconds"] > 0
    np.testing.assert_allclose(features.read_features(tmp_path / "features").array, colours[::-1], atol=1e-3)

    pictures.paths[0].unlink()
    assert extract(pictures, tmp_path / "features")["seconds"] == 0


def test_values_that_are_not_finite_are_refused(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 3)

    def build() -> keras.Model:
        inputs = keras.Input((SIZE, SIZE, 3))
        return keras.Model(inputs, keras.ops.log(-keras.layers.GlobalAveragePooling2D()(inputs) - 1.0))

    broken = CnnDescription("broken", "mean", "pool", "none", "", SIZE, "", build)

    with pytest.raises(DataError, match="not finite"):
        extract(pictures, tmp_path / "features", broken)
    assert not (tmp_path / "features" / features.EXTRACTOR_JSON).exists()


def test_what_half_precision_cannot_hold_is_refused(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 3)

    with pytest.raises(DataError, match="not finite as float16"):
        extract(pictures, tmp_path / "features", colour_grid(scale=1e6))
    assert not (tmp_path / "features" / features.EXTRACTOR_JSON).exists()


_KILLED = """
import os, pathlib, signal, sys, time
import coloured_pictures
from cmr.pictures import files, row_filling
from data_prep.extract import extraction

read_crops = files.read_crops
pictures, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])

def read_or_die(path, *others):
    if path.name == "30.png":
        while not (folder / "progress.json").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return read_crops(path, *others)

files.read_crops = read_or_die
row_filling._SECONDS_BETWEEN_SAVES = 0
paths = [pictures / f"{number}.png" for number in range(40)]
cnn = getattr(coloured_pictures, sys.argv[3])()
coloured_pictures.extract(extraction.Pictures([path.name for path in paths], paths), folder, cnn)
"""


@pytest.mark.parametrize("cnn_of", [mean_colour, colour_grid])
def test_an_extraction_that_was_killed_goes_on(tmp_path, cnn_of):
    pictures, colours = coloured_pictures(tmp_path, 40)
    folder = tmp_path / "features"
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, tmp_path, folder, cnn_of.__name__],
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

    extract(pictures, folder, cnn_of())

    written = features.read_stored(folder)
    assert written.cells == (4 if cnn_of is colour_grid else None)
    expected = colours if written.cells is None else colours[:, None].repeat(4, axis=1)
    np.testing.assert_allclose(written.array, expected, atol=1e-3)


def test_rows_of_other_settings_are_not_gone_on_from(tmp_path):
    pictures, colours = coloured_pictures(tmp_path, 12)
    whole = pictures.paths[9].read_bytes()
    pictures.paths[9].write_bytes(b"")
    with pytest.raises(DataError):
        extract(pictures, tmp_path / "features", mean_colour("another file"))
    pictures.paths[9].write_bytes(whole)
    Image.new("RGB", (5, 5), "black").save(pictures.paths[0])

    extract(pictures, tmp_path / "features")

    rows = features.read_features(tmp_path / "features").array
    np.testing.assert_allclose(rows, [[0, 0, 0], *colours[1:]], atol=1e-3)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def _hold_nan(path):
    array = np.load(path)
    array[2, 1] = np.nan
    np.save(path, array)


def _change_a_value(path):
    array = np.load(path)
    array[2, 1] += 1
    np.save(path, array)


_DAMAGES = [
    (features.FEATURES_NPY, pathlib.Path.unlink),
    (features.FEATURES_NPY, _cut),
    (features.FEATURES_NPY, _hold_nan),
    (features.FEATURES_NPY, _change_a_value),
    (features.FEATURES_NPY, lambda path: path.write_bytes(b"")),
    (features.FEATURES_NPY, lambda path: path.write_bytes(b"PK\3\4 of another kind")),
    (features.FEATURES_NPY, lambda path: np.save(path, np.zeros((5, 3), np.float64))),
    (features.FEATURES_NPY, lambda path: np.save(path, np.zeros((4, 3), np.float32))),
    (features.FEATURES_NPY, lambda path: np.save(path, np.zeros((5, 2), np.float32))),
    (features.IMAGE_IDS_TXT, pathlib.Path.unlink),
    (features.IMAGE_IDS_TXT, lambda path: path.write_text("a\nb\nc\nd\ne\n")),
    (features.IMAGE_IDS_TXT, lambda path: path.write_bytes(b"\xff")),
    (features.EXTRACTOR_JSON, lambda path: path.write_text("{}")),
    (features.EXTRACTOR_JSON, lambda path: path.write_text("[]")),
    (features.EXTRACTOR_JSON, _cut),
    (features.EXTRACTOR_JSON, lambda path: path.write_bytes(b"\xff")),
    (features.EXTRACTOR_JSON, lambda path: path.write_text(path.read_text().replace('"blank_images": []', '"b": 1'))),
    (cnn.CNN_KERAS, _cut),
    (cnn.CNN_KERAS, lambda path: path.write_text("no model")),
]


@pytest.mark.parametrize(("name", "damage"), _DAMAGES)
def test_whatever_is_damaged_the_same_command_mends_it(tmp_path, name, damage):
    pictures, colours = coloured_pictures(tmp_path, 5)
    first = extract(pictures, tmp_path / "features")
    damage(tmp_path / "features" / name)

    again = extract(pictures, tmp_path / "features")

    written = features.read_features(tmp_path / "features")
    assert written.extractor == {key: value for key, value in first.items() if key != "seconds"}
    assert written.image_ids == tuple(pictures.image_ids)
    np.testing.assert_allclose(written.array, colours, atol=1e-3)
    assert cnn.read_cnn(tmp_path / "features").input_size == SIZE
    assert (again["seconds"] > 0) == (name != cnn.CNN_KERAS)


def test_damage_is_still_known_where_the_mending_was_stopped(tmp_path):
    pictures, colours = coloured_pictures(tmp_path, 5)
    extract(pictures, tmp_path / "features")
    _change_a_value(tmp_path / "features" / features.FEATURES_NPY)
    whole = pictures.paths[3].read_bytes()
    pictures.paths[3].unlink()
    with pytest.raises(DataError):
        extract(pictures, tmp_path / "features")
    pictures.paths[3].write_bytes(whole)

    extract(pictures, tmp_path / "features")

    np.testing.assert_allclose(features.read_features(tmp_path / "features").array, colours, atol=1e-3)


_GRID_DAMAGES = [
    lambda path: np.save(path, np.load(path).astype(np.float32)),
    lambda path: np.save(path, np.load(path)[:, :3]),
    lambda path: np.save(path, np.load(path)[:, :, :2]),
    lambda path: np.save(path, np.load(path)[:, 0].astype(np.float32)),
    lambda path: np.save(path, np.load(path)[:, :, :, None]),
]


@pytest.mark.parametrize("damage", _GRID_DAMAGES)
def test_a_grid_of_another_shape_is_refused_and_extracted_again(tmp_path, damage):
    pictures, colours = coloured_pictures(tmp_path, 5)
    folder = tmp_path / "features"
    extract(pictures, folder, colour_grid())
    damage(folder / features.FEATURES_NPY)
    with pytest.raises(WorkspaceError, match=r"run data_prep\.extract"):
        features.read_grid(folder)

    again = extract(pictures, folder, colour_grid())

    assert again["seconds"] > 0
    np.testing.assert_allclose(features.read_grid(folder).array, colours[:, None].repeat(4, axis=1), atol=1e-3)


def _json(**changes):
    def change(path):
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("progress.json", pathlib.Path.unlink),
        ("progress.json", _cut),
        ("progress.json", lambda path: path.write_text("{}")),
        ("progress.json", lambda path: path.write_text("7")),
        ("progress.json", _json(rows="8")),
        ("progress.json", _json(rows=True)),
        ("progress.json", _json(rows=-4)),
        ("progress.json", _json(rows=11)),
        ("progress.json", _json(rows=10**9)),
        ("progress.json", _json(blank_images="0.png")),
        ("progress.json", _json(blank_images=["9.png"])),
        ("progress.json", _json(blank_images=[["0.png"]])),
        ("progress.json", _json(settings=None)),
        ("progress.json", _json(another=1)),
        ("features.npy.partial", pathlib.Path.unlink),
        ("features.npy.partial", _cut),
        ("features.npy.partial", lambda path: path.write_bytes(b"")),
        ("features.npy.partial", lambda path: path.write_bytes(path.read_bytes().replace(b"<f4", b"<f2"))),
        ("features.npy.partial", lambda path: path.write_bytes(path.read_bytes().replace(b"(11, 3)", b"(3, 11)"))),
        ("features.npy.partial", lambda path: path.write_bytes(path.read_bytes()[:-4] + b"\0\0\xc0\x7f")),
    ],
)
def test_rows_that_are_damaged_are_not_gone_on_from(tmp_path, name, damage):
    pictures, colours = coloured_pictures(tmp_path, 11)
    whole = pictures.paths[9].read_bytes()
    pictures.paths[9].write_bytes(b"")
    with pytest.raises(DataError):
        extract(pictures, tmp_path / "features")
    pictures.paths[9].write_bytes(whole)
    damage(tmp_path / "features" / name)
    # All are read again.
    Image.new("RGB", (5, 5), "black").save(pictures.paths[0])

    extract(pictures, tmp_path / "features")

    written = features.read_features(tmp_path / "features")
    np.testing.assert_allclose(written.array, [[0, 0, 0], *colours[1:]], atol=1e-3)
    assert written.extractor["blank_images"] == []


def test_what_was_written_behind_the_safe_rows_is_written_again(tmp_path):
    pictures, colours = coloured_pictures(tmp_path, 11)
    whole = pictures.paths[9].read_bytes()
    pictures.paths[9].write_bytes(b"")
    with pytest.raises(DataError):
        extract(pictures, tmp_path / "features")
    pictures.paths[9].write_bytes(whole)
    with open(tmp_path / "features" / "features.npy.partial", "ab") as file:
        file.write(b"half a row and more" * 20)

    extract(pictures, tmp_path / "features")

    np.testing.assert_allclose(features.read_features(tmp_path / "features").array, colours, atol=1e-3)


def test_all_that_can_fail_fails_before_anything_is_written(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 3)

    def build() -> keras.Model:
        raise WorkspaceError("--weights=a.h5 does not fit")

    unfit = CnnDescription("unfit", "mean", "pool", "none", "", SIZE, "", build)

    with pytest.raises(WorkspaceError, match="does not fit"):
        extraction.Extraction(unfit, pictures, tmp_path / "features", 1, 4, "refuse").prepare()
    assert not (tmp_path / "features").exists()


@pytest.mark.parametrize("on_corrupt", ["refuse", "blank"])
def test_a_picture_above_the_bound_on_pixels_is_a_corrupt_one(tmp_path, on_corrupt):
    pictures, _ = coloured_pictures(tmp_path, 3)
    Image.new("RGB", (30, 10)).save(pictures.paths[1])
    bounded = extraction.Extraction(mean_colour(), pictures, tmp_path / "features", 1, 4, on_corrupt, max_pixels=200)

    if on_corrupt == "refuse":
        with pytest.raises(DataError, match=r"1\.png has 30 x 10 pixels, more than --max_pixels=200; "):
            bounded.run()
    else:
        assert bounded.run()["blank_images"] == ["1.png"]
