"""Which reader a data set has, and choices that are not its own."""

import pytest

from cmr.errors import ConfigError, DataError
from data_prep.datasets import readers
from data_prep.datasets.readers import Choices


@pytest.mark.parametrize(
    ("dataset", "choices", "message"),
    [
        ("flickr8k", {"captions_file": "c.csv"}, "--captions_file is of --dataset=custom; leave it out for flickr8k"),
        ("custom", {"karpathy_json": "d.json"}, "--karpathy_json is not read by --dataset=custom; leave it out"),
        ("mscoco", {"karpathy_json": "d.json"}, "with --coco_protocol=random_1k; choose a karpathy protocol"),
    ],
)
def test_a_file_that_would_not_be_read_is_refused(tmp_path, dataset, choices, message):
    with pytest.raises(ConfigError, match=message):
        readers.read(dataset, tmp_path, Choices(**choices))


@pytest.mark.parametrize("dataset", ["flickr8k", "flickr30k", "mscoco", "custom"])
def test_every_data_set_refuses_a_folder_that_is_not_there(tmp_path, dataset):
    with pytest.raises(DataError, match="nowhere is not a folder"):
        readers.read(dataset, tmp_path / "nowhere", Choices())
