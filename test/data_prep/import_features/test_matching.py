"""Names in somebody else's list find the image of the workspace that they mean."""

import pandas as pd
import pytest

from cmr.errors import DataError
from data_prep.import_features import matching


def match(listed, image_ids, file_names):
    images = pd.DataFrame({"image_id": image_ids.split(), "file_name": file_names.split()})
    return matching.match_images(listed.split(), images)


@pytest.mark.parametrize("listed", ["images/a.jpg", "a", "C:\\pictures\\a.png", "picture"])
def test_ids_match_by_file_names_without_folders_and_endings(listed):
    assert match(f"b {listed} c", "a.jpg b.jpg", "x/picture.png b.jpg") == {"b": "b.jpg", listed: "a.jpg"}


@pytest.mark.parametrize("listed", ["42", "COCO_val2014_000000000042.jpg", "000000000042.jpg", "val2017/000000000042"])
def test_coco_images_match_by_their_number(listed):
    assert match(listed, "42 7", "val2014/COCO_val2014_000000000042.jpg 07.jpg") == {listed: "42"}


def test_the_closest_name_wins():
    assert match("y/a.jpg x/a.jpg b y/b.jpg", *["x/a.jpg b.jpg"] * 2) == {"x/a.jpg": "x/a.jpg", "y/b.jpg": "b.jpg"}


@pytest.mark.parametrize(("listed", "image_ids"), [("x/a y/a", "a.jpg"), ("a", "a.jpg a.png"), ("01", "1.jpg 001")])
def test_a_name_that_may_be_two_images_is_refused(listed, image_ids):
    with pytest.raises(DataError, match="of the id list may be"):
        match(listed, image_ids, image_ids)
