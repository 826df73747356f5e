"""Cached feature maps: the same as the way through the pictures, made once, gone on with, begun anew for other CNNs."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tunable_runs

from cmr.data import examples
from cmr.data.inputs import read_inputs
from cmr.errors import ConfigError, DataError
from cmr.finetuning import blocks, cnn_in_training, feature_maps, tuned_cnns
from cmr.finetuning.feature_maps import MapsMaker
from cmr.finetuning.tuned_cnns import TunedCnns
from cmr.pictures import row_filling

BLOCKS = 2


@pytest.fixture
def inputs(tunable_root):
    return read_inputs(tunable_runs.workspace(tunable_root), tunable_runs.FEATURES, "")


@pytest.fixture
def maker(inputs, tmp_path):
    return maker_of(inputs, tmp_path / "maps")


def maker_of(inputs, folder, count=BLOCKS):
    path = inputs.features["vgg_features"].path
    trained = cnn_in_training.read_trained_cnn(path, inputs.image_dir)
    parts = blocks.parts_of(trained.encoder.model, count)
    return MapsMaker(folder, trained.encoder, parts, cnn_in_training.checksum(path))


def ready(inputs, maker, crops=3):
    splits = inputs.split("train"), inputs.split("val")
    trained = cnn_in_training.TrainedCnn(maker.encoder, inputs.image_dir)
    return tuned_cnns.tuned_cnn(tunable_runs.FEATURES, trained, maker.parts, maker, splits, crops)


def test_maps_through_the_trained_part_are_the_pictures_through_the_whole_cnn(inputs, maker):
    train = inputs.split("train")
    numbers = np.arange(train.num_images) % 3
    cached = ready(inputs, maker)
    images = np.array([5, 0, 17, 5])

    maps = cached.rows(train, numbers).take(images)
    pictures = dataclasses.replace(cached, maps=()).rows(train, numbers).take(images)

    assert (maps.dtype, maps.shape[1:]) == (np.float16, maker.shape)
    through_maps = maker.parts.trained(maps.astype(np.float32), training=False).numpy()
    through_pictures = maker.encoder.model(pictures.astype(np.float32), training=False).numpy()
    np.testing.assert_allclose(through_maps, through_pictures, rtol=2e-3, atol=2e-3)
    # The crops differ, so that the numbers above say something.
    assert not np.allclose(cached.rows(train, numbers + 1).take(images), maps, atol=0.1)


def test_validation_features_of_maps_are_extractions(inputs, maker):
    cached = TunedCnns({"vgg_features": ready(inputs, maker)}, inputs.split("train"), seed=0)

    val = cached.with_features(inputs.split("val"))

    images = np.arange(val.num_images)
    expected = inputs.split("val").features["vgg_features"].take(images)
    np.testing.assert_allclose(val.features["vgg_features"].take(images), expected, rtol=2e-3, atol=2e-3)


def test_where_the_whole_cnn_is_trained_nothing_is_kept(inputs, tmp_path):
    whole = ready(inputs, maker_of(inputs, tmp_path / "maps", 0))
    cached = TunedCnns({"vgg_features": whole}, inputs.split("train"), seed=0)

    first, again, later = (cached.training_split(epoch).features["vgg_features"] for epoch in (0, 0, 1))

    assert not (tmp_path / "maps").exists()
    images = np.arange(4)
    assert first.take(images).shape == (4, tunable_runs.SIZE, tunable_runs.SIZE, 3)
    np.testing.assert_array_equal(first.take(images), again.take(images))
    assert not np.array_equal(first.take(images), later.take(images))


def test_maps_are_made_once(inputs, maker, monkeypatch, capsys):
    ready(inputs, maker)
    said = capsys.readouterr().out
    monkeypatch.setattr(row_filling, "fill_rows", None)

    ready(inputs, maker)
    ready(inputs, maker, crops=2)

    # 36 + 9 + 2 * 36 pictures of 6 x 6 x 4 values of two bytes.
    assert "feature maps 6 x 6 x 4 of 117 pictures, 0.00 GB, are made once in" in said
    assert capsys.readouterr().out == ""


def test_making_them_goes_on_where_it_was_stopped(inputs, maker, monkeypatch):
    read, seen = feature_maps.crops.read_crop, []

    def stopping(path, *others):
        seen.append(path)
        # The last pictures of the second crop, behind a first batch of it.
        if len(seen) >= 45 + 35:
            raise DataError("stopped")
        return read(path, *others)

    with monkeypatch.context() as patch:
        patch.setattr(feature_maps.crops, "read_crop", stopping)
        with pytest.raises(DataError, match="stopped"):
            ready(inputs, maker)
    assert (maker.folder / "crop1" / "maps.npy.partial").exists()
    again = []
    monkeypatch.setattr(
        feature_maps.crops, "read_crop", lambda path, *others: again.append(path) or read(path, *others)
    )

    stopped = ready(inputs, maker)
    # The first crop is whole, and of the second a batch is safe.
    assert len(again) < 36 + 36

    whole = ready(inputs, dataclasses.replace(maker, folder=maker.folder.with_name("whole")))
    for one, other in zip(stopped.maps, whole.maps, strict=True):
        np.testing.assert_array_equal(one[:], other[:])


@pytest.mark.parametrize("damage", ["other CNN", "cut off", "no description"])
def test_maps_of_another_cnn_or_damaged_ones_are_made_anew(inputs, maker, damage):
    expected = ready(inputs, maker).maps[1][:]
    path = maker.folder / "crop1" / "maps.npy"
    if damage == "cut off":
        path.write_bytes(path.read_bytes()[:-5])
    elif damage == "no description":
        path.with_name("maps.json").unlink()
    else:
        other = dataclasses.replace(maker, cnn_sha256="0" * 64)
        ready(inputs, other)
    stamp = path.stat().st_mtime_ns

    made = ready(inputs, maker).maps[1]

    assert path.stat().st_mtime_ns != stamp
    np.testing.assert_array_equal(made[:], expected)


def test_maps_of_pictures_that_were_exchanged_are_made_anew(inputs, maker, tmp_path):
    pictures = shutil.copytree(inputs.image_dir, tmp_path / "pictures")
    inputs = dataclasses.replace(inputs, image_dir=pictures)
    before = ready(inputs, maker).maps[1][:]
    shutil.copy(pictures / "train1.png", pictures / "train0.png")

    after = ready(inputs, maker).maps[1][:]

    np.testing.assert_array_equal(after[1:], before[1:])
    assert not np.array_equal(after[0], before[0])


def test_maps_of_an_older_version_are_taken(inputs, maker, monkeypatch):
    ready(inputs, maker)
    for path in maker.folder.glob("*/maps.json"):
        description = json.loads(path.read_text())
        del description["pictures_sha256"]
        path.write_text(json.dumps(description))
    monkeypatch.setattr(row_filling, "fill_rows", None)

    ready(inputs, maker)


def test_a_disk_without_room_is_said_before_anything_is_made(inputs, maker, monkeypatch):
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 0))

    with pytest.raises(ConfigError, match=r"of 117 pictures need 0\.00 GB and .* has 0\.00 GB left; lower"):
        ready(inputs, maker)
    assert not list(maker.folder.glob("crop*"))


def test_missing_pictures_are_said_before_anything_is_made(inputs, maker, tmp_path):
    splits = inputs.split("train"), inputs.split("val")
    trained = cnn_in_training.TrainedCnn(maker.encoder, tmp_path / "nowhere")

    with pytest.raises(
        DataError, match=r"45 of 45 pictures are not there, such as .*train0\.png; a CNN is trained from"
    ):
        tuned_cnns.tuned_cnn(tunable_runs.FEATURES, trained, maker.parts, maker, splits, 2)


def test_the_crops_of_an_epoch_follow_from_seed_and_epoch(inputs, maker):
    cached = ready(inputs, maker)

    def numbers(seed: int, epoch: int) -> np.ndarray:
        of_epoch = TunedCnns({"vgg_features": cached}, inputs.split("train"), seed).training_split(epoch)
        return of_epoch.features["vgg_features"].numbers

    np.testing.assert_array_equal(numbers(1, 2), numbers(1, 2))
    assert not np.array_equal(numbers(1, 2), numbers(1, 3))
    assert not np.array_equal(numbers(1, 2), numbers(2, 2))
    assert set(numbers(1, 2)) == {0, 1, 2}


def test_features_and_maps_are_read_alike(inputs, maker):
    rows = ready(inputs, maker).rows(inputs.split("train"), np.zeros(36, np.int64))

    for image_rows in (rows, inputs.split("train").features["vgg_features"]):
        taken = image_rows.take(np.array([1, 3]))
        assert (taken.shape, taken.dtype) == ((2, *image_rows.row_shape), image_rows.dtype)
    assert isinstance(inputs.split("train").features["vgg_features"], examples.FeatureRows)
