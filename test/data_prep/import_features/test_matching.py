"""Names in somebody else's list find the image of the workspace that they mean."""

import unicodedata

import pandas as pd
import pytest

from cmr.errors import DataError
from data_prep.import_features import matching


def match(listed, image_ids, file_names):
    images = pd.DataFrame({"image_id": image_ids.split(), "file_name": file_names.split()})
    return matching.match_images(listed.split(), images).image_of


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


@pytest.mark.parametrize(
    ("listed", "image_ids", "image_of"),
    [
        ("dogs/1.jpg", "cats/1.jpg", {}),
        ("dogs/1", "cats/1.jpg", {}),
        ("dogs\\\\1.jpg", "cats/1.jpg", {}),
        ("/photos/dogs/1.jpg", "cats/1.jpg", {}),
        ("dogs/0001.jpg", "cats/1.jpg", {}),
        ("COCO_train2014_000000000042.jpg", "COCO_val2014_000000000042.jpg", {}),
        ("/photos/cats/1.jpg", "cats/1.jpg", {"/photos/cats/1.jpg": "cats/1.jpg"}),
        ("1.jpg", "photos/cats/1.jpg", {"1.jpg": "photos/cats/1.jpg"}),
        (
            "cats/1.jpg dogs/1.jpg",
            "all/dogs/1.jpg all/cats/1.jpg",
            {"cats/1.jpg": "all/cats/1.jpg", "dogs/1.jpg": "all/dogs/1.jpg"},
        ),
    ],
)
def test_paths_that_contradict_each_other_never_match(listed, image_ids, image_of):
    assert match(listed, image_ids, image_ids) == image_of


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_matches_in_either_unicode_form(listed, stored):
    listed, stored = (unicodedata.normalize(form, "caf\u00e9.jpg") for form in (listed, stored))

    assert match(listed, stored, stored) == {listed: stored}


def test_names_that_only_unicode_tells_apart_are_shown_with_their_escapes():
    both = [unicodedata.normalize(form, "caf\u00e9.jpg") for form in ("NFC", "NFD")]

    with pytest.raises(DataError, match=r"'cafe\\u0301\.jpg' or 'caf\\xe9\.jpg' of the workspace"):
        match("x/" + both[0], " ".join(both), " ".join(both))


def test_the_report_counts_by_rule():
    images = pd.DataFrame(
        {"image_id": ["a.jpg", "b.jpg", "c.jpg", "4.jpg"], "file_name": ["a.jpg", "b.jpg", "c.jpg", "4.jpg"]}
    )

    matched = matching.match_images(["a.jpg", "x/b.jpg", "c", "004", "other"], images)

    assert str(matched) == "1 as they stand, 1 by file name, 1 by file name without ending, 1 by number"
