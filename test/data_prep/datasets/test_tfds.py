"""Data sets of tensorflow-datasets, where it is installed."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from cmr.errors import ConfigError, DataError
from data_prep.datasets.tfds import load_builder, read_tfds


def tiny_builder(folder, splits, captions="records", names=True):
    """A builder of 4 images a split, whose captions are records, texts or one text."""
    tfds = pytest.importorskip("tensorflow_datasets")
    text = tfds.features.Text()
    feature = {"records": tfds.features.Sequence({"id": np.int64, "text": text}), "texts": tfds.features.Sequence(text)}
    features = {"image": tfds.features.Image(encoding_format="png"), "captions": feature.get(captions, text)}
    if names:
        features["image/filename"] = tfds.features.Text()
    if captions == "none":
        del features["captions"]

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, _):
            return {split: self._generate_examples(split) for split in splits}

        def _generate_examples(self, split):
            for number in range(4):
                picture = io.BytesIO()
                Image.new("RGB", (4, 4), (number, 0, 0)).save(picture, "PNG")
                words = [f"A {split} dog.", f"Dog {number}."]
                values = {"records": [{"id": 0, "text": word} for word in words], "texts": words, "text": words[0]}
                example = {"image": io.BytesIO(picture.getvalue()), "captions": values.get(captions)}
                example["image/filename"] = f"/somewhere/{split}{number}.jpg"
                yield number, {key: example[key] for key in features}

    builder = Tiny(data_dir=str(folder))
    builder.download_and_prepare()
    return builder


def test_its_own_splits_are_kept_and_pictures_written_as_they_are(tmp_path):
    builder = tiny_builder(tmp_path / "tfds", ("train", "validation", "test"))

    raw = read_tfds(builder, tmp_path / "images")

    assert raw.split_sizes() == {split: {"images": 4, "captions": 8} for split in ("train", "val", "test")}
    assert "tiny/1.0.0, its own splits" in raw.protocol
    assert (raw.image_dir, raw.flaws) == ("images", ())
    with Image.open(tmp_path / "images" / "train3.png") as picture:
        assert picture.getpixel((0, 0)) == (3, 0, 0)


@pytest.mark.parametrize("change", [lambda whole: whole[:-1], lambda whole: whole[:-1] + bytes([whole[-1] ^ 1])])
def test_a_picture_that_is_another_one_is_written_anew_and_the_others_are_left(tmp_path, change):
    builder = tiny_builder(tmp_path / "tfds", ("train", "validation", "test"))
    read_tfds(builder, tmp_path / "images")
    other, same = (tmp_path / "images" / name for name in ("train3.png", "train2.png"))
    whole, written = other.read_bytes(), same.stat().st_mtime_ns
    other.write_bytes(change(whole))

    read_tfds(builder, tmp_path / "images")

    assert other.read_bytes() == whole
    assert same.stat().st_mtime_ns == written


def test_restval_is_left_out_or_joins_training(tmp_path):
    builder = tiny_builder(tmp_path / "tfds", ("train", "val", "test", "restval"))

    without, joined = (read_tfds(builder, tmp_path / "images", restval).split_sizes() for restval in (False, True))

    assert (without["train"]["images"], joined["train"]["images"]) == (4, 8)


@pytest.mark.parametrize(("captions", "count"), [("texts", 8), ("text", 4)])
def test_without_test_images_splits_are_drawn(tmp_path, captions, count):
    builder = tiny_builder(tmp_path / "tfds", ("train",), captions, names=False)

    raw = read_tfds(builder, tmp_path / "images")

    assert len(raw.captions) == count
    assert "lacks val or test: 1 test and 1 validation images are drawn with seed 0" in raw.protocol


def test_a_data_set_without_captions_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no pictures with sentences, but image"):
        read_tfds(tiny_builder(tmp_path / "tfds", ("train",), "none"), tmp_path / "images")


def test_an_unknown_data_set_is_refused(tmp_path):
    pytest.importorskip("tensorflow_datasets")

    with pytest.raises(ConfigError, match="has no data set no_such_thing"):
        load_builder("no_such_thing", tmp_path)


def test_without_the_package_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)

    with pytest.raises(ConfigError, match=r"install it with: pip install '\.\[tfds\]'"):
        load_builder("coco_captions", None)
