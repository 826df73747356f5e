"""MSCOCO: the official files of both years, and the protocols."""

import json

import pytest

from cmr.errors import DataError
from data_prep.datasets import mscoco

TRAIN, VAL, TEST, RESTVAL = 12, 5, 10, 6


def file_name(part, number):
    return f"COCO_{part}_{number:012d}.jpg" if part.endswith("2014") else f"{number:012d}.jpg"


def write_part(folder, part, numbers, pictures=True):
    images = [{"id": number, "file_name": file_name(part, number)} for number in numbers]
    annotations = [{"image_id": number, "caption": f"A dog {place}."} for place in range(2) for number in numbers]
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    path = folder / "annotations" / f"captions_{part}.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    (folder / part).mkdir(exist_ok=True)
    for image in images if pictures else ():
        (folder / part / image["file_name"]).write_bytes(b"a picture")


@pytest.fixture(params=["2014", "2017"])
def official(request, tmp_path):
    """12 training and 20 validation images of a year."""
    write_part(tmp_path, f"train{request.param}", range(12))
    write_part(tmp_path, f"val{request.param}", range(12, 32))
    return tmp_path


def karpathy_layout(folder):
    """Karpathy's file over pictures of 2014; the test images are not in the order of their numbers."""
    splits = ["train"] * TRAIN + ["val"] * VAL + ["test"] * TEST + ["restval"] * RESTVAL
    images = []
    for number, split in reversed(list(enumerate(splits))):
        part = "train2014" if split == "train" else "val2014"
        (folder / part).mkdir(exist_ok=True)
        (folder / part / file_name(part, number)).write_bytes(b"a picture")
        images.append(
            {"filename": file_name(part, number), "filepath": part, "split": split, "sentences": [{"raw": "A dog."}]}
        )
    (folder / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))
    return folder


def images_of(raw, split):
    return raw.captions[raw.captions["split"] == split]["image_id"].drop_duplicates().tolist()


def test_random_1k_draws_val_and_test_from_the_validation_images(official):
    raw = mscoco.read_mscoco(official)

    validation = {path.name for folder in official.glob("val20*") for path in folder.iterdir()}
    val, test = images_of(raw, "val"), images_of(raw, "test")
    assert (len(val), len(test)) == (4, 4)
    assert not set(val) & set(test)
    assert set(val + test) <= validation
    assert set(images_of(raw, "train")).isdisjoint(validation)


def test_random_1k_is_a_function_of_its_seed(official):
    first, again, other = (images_of(mscoco.read_mscoco(official, seed=seed), "test") for seed in (0, 0, 1))

    assert first == again != other


def test_what_the_protocol_leaves_out_is_no_flaw(official):
    raw = mscoco.read_mscoco(official)

    assert raw.flaws == ()
    assert "whose 12 others are left out; a part of MSCOCO: 32 of 123,287 images" in raw.protocol


def test_restval_joins_the_training_images(official):
    raw = mscoco.read_mscoco(official, restval=True)

    assert raw.split_sizes()["train"] == {"images": 24, "captions": 48}
    assert raw.captions["image_id"].nunique() == 32


@pytest.mark.parametrize("year", ["2014", "2017"])
def test_with_restval_the_validation_file_alone_will_do(tmp_path, year):
    write_part(tmp_path, f"val{year}", range(20))

    raw = mscoco.read_mscoco(tmp_path, restval=True)

    splits = {split: images_of(raw, split) for split in ("train", "val", "test")}
    assert {split: len(images) for split, images in splits.items()} == {"train": 12, "val": 4, "test": 4}
    assert len(set().union(*splits.values())) == 20
    assert "a part of MSCOCO: 20 of 123,287 images" in raw.protocol
    assert list(raw.sources) == [f"captions_val{year}.json"]
    assert f"whose 12 others are the training images, for want of captions_train{year}.json" in raw.protocol
    with pytest.raises(DataError, match=rf"lacks captions_train{year}\.json; put it there, or give --coco_restval"):
        mscoco.read_mscoco(tmp_path)


def test_the_validation_file_alone_needs_pictures_of_its_own(tmp_path):
    write_part(tmp_path, "val2017", range(20), pictures=False)
    (tmp_path / "train2017").mkdir()
    (tmp_path / "train2017" / file_name("train2017", 99)).write_bytes(b"a picture")

    with pytest.raises(DataError, match="val2017"):
        mscoco.read_mscoco(tmp_path, restval=True)


def test_file_names_hold_the_folder(official):
    raw = mscoco.read_mscoco(official)

    assert all((official / name).is_file() for name in raw.captions["file_name"])
    assert raw.captions["file_name"].iloc[0].startswith("train20")


def test_the_rows_of_an_image_stand_together_whatever_the_order_of_the_annotations(official):
    images = mscoco.read_mscoco(official).captions["image_id"].tolist()

    assert images[::2] == images[1::2]


def test_where_validation_has_no_pictures_the_training_images_are_drawn_from(tmp_path):
    write_part(tmp_path, "train2017", range(20))
    write_part(tmp_path, "val2017", range(20, 25), pictures=False)

    raw = mscoco.read_mscoco(tmp_path)

    assert {split: size["images"] for split, size in raw.split_sizes().items()} == {"train": 12, "val": 4, "test": 4}
    assert [(flaw.kind, len(flaw.names)) for flaw in raw.flaws] == [
        ("images with sentences but neither picture nor split", 5)
    ]
    assert "from train2017, as no image of val2017 has a picture here" in raw.protocol


def test_pictures_of_2017_serve_the_sentences_of_2014(tmp_path):
    write_part(tmp_path, "train2014", range(12), pictures=False)
    write_part(tmp_path, "val2014", range(12, 32), pictures=False)
    (tmp_path / "train2017").mkdir()
    for number in range(32):
        (tmp_path / "train2017" / f"{number:012d}.jpg").write_bytes(b"a picture")

    raw = mscoco.read_mscoco(tmp_path)

    assert raw.captions["image_id"].iloc[0] == "COCO_train2014_000000000000.jpg"
    assert raw.captions["file_name"].iloc[0] == "train2017/000000000000.jpg"


@pytest.mark.parametrize(
    ("protocol", "restval", "train", "folds"),
    [("karpathy_5k", False, TRAIN, 1), ("karpathy_5k", True, TRAIN + RESTVAL, 1), ("karpathy_5x1k", False, TRAIN, 5)],
)
def test_karpathys_protocols_take_his_splits(tmp_path, protocol, restval, train, folds):
    raw = mscoco.read_mscoco(karpathy_layout(tmp_path), protocol, restval)

    assert {split: size["images"] for split, size in raw.split_sizes().items()} == {
        "train": train,
        "val": VAL,
        "test": TEST,
    }
    assert (raw.test_folds, raw.flaws) == (folds, ())


def test_karpathy_1k_takes_the_first_test_images_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(mscoco, "_TEST_IMAGES_OF_1K", 3)

    raw = mscoco.read_mscoco(karpathy_layout(tmp_path), "karpathy_1k")

    last = TRAIN + VAL + TEST - 1
    assert images_of(raw, "test") == [file_name("val2014", number) for number in (last, last - 1, last - 2)]
    assert raw.flaws == ()


def test_without_karpathys_file_the_message_names_it(official):
    with pytest.raises(DataError, match=r"dataset_coco\.json is missing.*--karpathy_json"):
        mscoco.read_mscoco(official, "karpathy_5k")


@pytest.mark.parametrize(
    "content",
    [
        {"images": [], "annotations": [{"image_id": 1, "caption": "A."}]},
        {"images": [{"id": 1}], "annotations": []},
        {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [{"image_id": 1, "caption": None}]},
        {"annotations": []},
        {"images": 3, "annotations": []},
    ],
)
def test_another_json_is_refused(official, content):
    path = next((official / "annotations").glob("captions_train*"))
    path.write_text(json.dumps(content))

    with pytest.raises(DataError, match="is not a captions file of MSCOCO"):
        mscoco.read_mscoco(official)


def test_a_missing_captions_file_is_named(official):
    next((official / "annotations").glob("captions_val*")).unlink()

    with pytest.raises(DataError, match=r"lacks captions_train2014\.json and captions_val2014\.json"):
        mscoco.read_mscoco(official)


def test_without_pictures_the_message_names_the_flag(tmp_path):
    write_part(tmp_path, "train2017", range(9), pictures=False)
    write_part(tmp_path, "val2017", range(9, 18), pictures=False)

    with pytest.raises(DataError, match=r"has no pictures in train2017 or val2017; .*--pictures=optional"):
        mscoco.read_mscoco(tmp_path)


def test_complete_images_with_too_few_sentences_are_refused(official, monkeypatch):
    monkeypatch.setattr(mscoco, "_COMPLETE", {**mscoco._COMPLETE, "train2014": (12, 25), "train2017": (12, 25)})

    with pytest.raises(DataError, match="12 images of the complete file but 24 sentences and not 25"):
        mscoco.read_mscoco(official)


def test_the_80_photographs_are_split(shared):
    raw = mscoco.read_mscoco(shared / "data" / "mscoco")

    assert {split: size["images"] for split, size in raw.split_sizes().items()} == {"train": 48, "val": 16, "test": 16}
    assert [(flaw.kind, len(flaw.names)) for flaw in raw.flaws] == [
        ("images with sentences but neither picture nor split", 5_000)
    ]


def test_all_of_val2017_is_read_without_pictures(shared):
    raw = mscoco.read_mscoco(shared / "data" / "mscoco", restval=True, pictures_required=False)

    assert {split: size["images"] for split, size in raw.split_sizes().items()} == {
        "train": 3_080,
        "val": 1_000,
        "test": 1_000,
    }
    assert len(raw.captions) == 25_014 + 400
    assert raw.flaws == ()
