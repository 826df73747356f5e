"""Karpathy's dataset files: sentences and splits in one."""

import json

import pytest

from cmr.errors import DataError
from data_prep.datasets import karpathy, raw_dataset, readers
from data_prep.datasets.readers import Choices


def image(name, split, *texts, **more):
    return {"filename": name, "split": split, "sentences": [{"raw": text, "tokens": []} for text in texts], **more}


IMAGES = [image("1.jpg", "train", "A dog.", "One dog."), image("2.jpg", "val", "A cat."), image("3.jpg", "test", "It.")]


def write(path, images=IMAGES, **more):
    path.write_text(json.dumps({"images": images, "dataset": "flickr8k", **more}))
    return path


def test_sentences_and_splits_are_in_the_files_order(tmp_path):
    content = karpathy.read_json(write(tmp_path / "d.json"), "flickr8k")

    assert [(each.caption_id, each.text) for each in content.sentences][:2] == [
        ("1.jpg#0", "A dog."),
        ("1.jpg#1", "One dog."),
    ]
    assert content.splits == {"train": ["1.jpg"], "val": ["2.jpg"], "test": ["3.jpg"], "restval": []}


def test_a_flickr_data_set_takes_its_pictures_from_the_official_folder(tmp_path):
    (tmp_path / "Flicker8k_Dataset").mkdir()
    for number in (1, 2, 3):
        (tmp_path / "Flicker8k_Dataset" / f"{number}.jpg").write_bytes(b"a picture")
    path = write(tmp_path / "dataset_flickr8k.json")

    raw = readers.read("flickr8k", tmp_path, Choices(karpathy_json=str(path)))

    assert raw.captions["split"].tolist() == ["train", "train", "val", "test"]
    assert raw.protocol == "the splits of dataset_flickr8k.json"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not JSON of an object"),
        ("{}", "has no list of images"),
        (json.dumps({"images": IMAGES, "dataset": "coco"}), "is of coco; give Karpathy's dataset_flickr8k.json"),
        (json.dumps({"images": [IMAGES[0], IMAGES[0]]}), r"has the image 1\.jpg twice"),
        (json.dumps({"images": [image("1.jpg", "training", "A.")]}), "image 1 lacks filename, a split of"),
        (json.dumps({"images": [{"filename": "1.jpg", "split": "train"}]}), "image 1 lacks"),
        (json.dumps({"images": [IMAGES[0], 7]}), "image 2 lacks"),
        (json.dumps({"images": [{**IMAGES[0], "sentences": [{"raw": None}]}]}), "image 1 lacks"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, text, message):
    path = tmp_path / "d.json"
    path.write_text(text)

    with pytest.raises(DataError, match=message):
        karpathy.read_json(path, "flickr8k")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"d\.json is missing"):
        karpathy.read_json(tmp_path / "d.json", "flickr8k")


def test_a_complete_file_with_other_splits_than_published_is_refused(tmp_path):
    images = [image(f"{number}.jpg", "train" if number < 6_001 else "test", "A.") for number in range(8_000)]

    with pytest.raises(DataError, match=r"put 6,001 / 0 / 1,999 / 0 images into train, val, test, restval"):
        karpathy.read_json(write(tmp_path / "d.json", images), "flickr8k")


def test_optional_pictures_need_no_folder(tmp_path):
    pictures = raw_dataset.pictures_in(tmp_path, ("images",), "images.zip", required=False)

    raw = karpathy.read_karpathy(write(tmp_path / "d.json"), "flickr8k", pictures)

    assert raw.captions["image_id"].nunique() == 3
