"""Defaults by data set."""

import pytest
from absl import flags as absl_flags

from cmr import flags


@pytest.mark.parametrize(
    ("dataset", "batch_size"), [("flickr8k", 40), ("mscoco", 100), ("tfds:coco_captions/2014", 100)]
)
def test_a_flag_left_open_takes_the_data_sets_default(dataset, batch_size):
    values = absl_flags.FlagValues()
    absl_flags.DEFINE_string("dataset", dataset, "", flag_values=values)
    absl_flags.DEFINE_integer("batch_size", None, "", flag_values=values)
    absl_flags.DEFINE_integer("max_epochs", 7, "", flag_values=values)
    values(["test"])

    flags.apply_dataset_defaults(values)

    assert (values.batch_size, values.max_epochs) == (batch_size, 7)
