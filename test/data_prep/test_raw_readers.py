"""Which reader a data set has, and choices that are not its own."""

import pytest

from cmr import errors
from data_prep import raw_readers


@pytest.mark.parametrize(
    ("dataset", "choices", "message"),
    [
        ("flickr8k", {"captions_file": "c.csv"}, "--captions_file is of --dataset=custom; leave it out for flickr8k"),
        ("custom", {"karpathy_json": "d.json"}, "--karpathy_json is not read by --dataset=custom; leave it out"),
        ("mscoco", {"karpathy_json": "d.json"}, "with --coco_protocol=random_1k; choose a karpathy protocol"),
    ],
)
def test_a_file_that_would_not_be_read_is_refused(tmp_path, dataset, choices, message):
    with pytest.raises(errors.ConfigError, match=message):
        raw_readers.read(dataset, tmp_path, raw_readers.Choices(**choices))


@pytest.mark.parametrize("dataset", ["flickr8k", "flickr30k", "mscoco", "custom"])
def test_every_data_set_refuses_a_folder_that_is_not_there(tmp_path, dataset):
    with pytest.raises(errors.DataError, match="nowhere is not a folder"):
        raw_readers.read(dataset, tmp_path / "nowhere", raw_readers.Choices())
