"""What a run reads: the features of its kind of model, everything with a checksum."""

import numpy as np
import pytest

from cmr.data import inputs
from cmr.data.input_names import IMAGE_FEATURES, VGG_FEATURES
from cmr.errors import WorkspaceError
from cmr.workspace import captions, features

VGG, IMAGE = "scene_cnn-objects", "scene_cnn-layout"


def test_the_inputs_are_the_workspaces_tables(scenes_inputs, scenes_workspace):
    assert scenes_inputs.captions.equals(captions.read_captions(scenes_workspace.captions_csv))
    assert {name: each.name for name, each in scenes_inputs.features.items()} == {
        VGG_FEATURES: VGG,
        IMAGE_FEATURES: IMAGE,
    }
    assert set(scenes_inputs.checksums) == {"captions.csv", "vocabulary", VGG, IMAGE}
    assert scenes_inputs.split("val").num_images == 9


def test_features_that_are_not_named_are_not_read(scenes_workspace):
    opened = inputs.read_inputs(scenes_workspace, VGG, "")

    assert set(opened.features) == {VGG_FEATURES}
    assert (opened.feature_dim(VGG_FEATURES), opened.feature_dim(IMAGE_FEATURES)) == (10, 0)
    assert set(opened.checksums) == {"captions.csv", "vocabulary", VGG}


@pytest.mark.parametrize(("image_dir", "expected"), [("images", "{dataset}/images"), ("/photographs", "/photographs")])
def test_pictures_lie_in_the_workspace_or_where_the_raw_data_is(tiny_workspace, image_dir, expected):
    tiny_workspace.write_description({"dataset": "scenes", "image_dir": image_dir})

    opened = inputs.read_inputs(tiny_workspace, VGG, "")

    assert str(opened.image_dir) == expected.format(dataset=tiny_workspace.dataset_dir)


def change_features(place):
    path = place.features_dir(VGG) / features.FEATURES_NPY
    np.save(path, np.load(path) * 2)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (
            lambda place: place.captions_csv.write_text(place.captions_csv.read_text().replace("A ", "The ")),
            "captions.csv",
        ),
        (lambda place: place.vocabulary_txt.write_text(place.vocabulary_txt.read_text() + "zebra\t1\n"), "vocabulary"),
        (change_features, VGG),
    ],
)
def test_a_change_of_one_input_changes_its_checksum_alone(tiny_workspace, change, name):
    before = inputs.read_inputs(tiny_workspace, VGG, IMAGE).checksums
    change(tiny_workspace)

    after = inputs.read_inputs(tiny_workspace, VGG, IMAGE).checksums

    assert [key for key in before if before[key] != after[key]] == [name]


def test_features_that_are_no_numbers_are_refused(tiny_workspace):
    path = tiny_workspace.features_dir(IMAGE) / features.FEATURES_NPY
    array = np.load(path)
    array[0, 0] = np.inf
    np.save(path, array)

    with pytest.raises(WorkspaceError, match=r"NaN or infinite.*train0\.png"):
        inputs.read_inputs(tiny_workspace, "", IMAGE)


def test_a_data_set_that_is_not_prepared_is_refused(tiny_workspace):
    tiny_workspace.dataset_json.unlink()

    with pytest.raises(WorkspaceError, match=r"data_prep\.prepare"):
        inputs.read_inputs(tiny_workspace, VGG, IMAGE)


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        (
            {"splits": {"val": {"images": 9, "captions": 49}}},
            "captions.csv has 36 val sentences and dataset.json says 49",
        ),
        ({"vocabulary_size": 7}, "vocabulary.txt has [0-9]+ words and dataset.json says 7"),
    ],
)
def test_tables_that_lost_lines_are_refused(tiny_workspace, described, sentence):
    tiny_workspace.write_description({"dataset": "scenes", "image_dir": "images", **described})

    with pytest.raises(WorkspaceError, match=f"{sentence}; run data_prep.prepare again"):
        inputs.read_inputs(tiny_workspace, VGG, "")


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_an_empty_split_is_refused_before_a_training(tiny_workspace, split):
    frame = captions.read_captions(tiny_workspace.captions_csv)
    captions.write_captions(tiny_workspace.captions_csv, frame[frame["split"] != split])

    with pytest.raises(WorkspaceError, match=f"no image in the {split} split"):
        inputs.read_inputs(tiny_workspace, VGG, "").check_splits()


def test_a_single_training_image_is_refused_before_a_training(tiny_workspace):
    frame = captions.read_captions(tiny_workspace.captions_csv)
    kept = (frame["split"] != "train") | (frame["image_id"] == "train0.png")
    captions.write_captions(tiny_workspace.captions_csv, frame[kept])

    with pytest.raises(WorkspaceError, match="1 training image, and nothing is learnt without a second one"):
        inputs.read_inputs(tiny_workspace, VGG, "").check_splits()


def test_a_split_that_is_not_read_may_be_empty(tiny_workspace):
    frame = captions.read_captions(tiny_workspace.captions_csv)
    captions.write_captions(tiny_workspace.captions_csv, frame[frame["split"] != "test"])

    inputs.read_inputs(tiny_workspace, VGG, "").check_splits(("train", "val"))


def test_more_test_folds_than_images_are_refused_before_a_training(tiny_workspace):
    tiny_workspace.write_description({"dataset": "scenes", "image_dir": "images", "test_folds": 13})

    with pytest.raises(WorkspaceError, match=r"12 test images and dataset\.json says 13 test folds"):
        inputs.read_inputs(tiny_workspace, VGG, "").check_splits()


def test_fewer_training_images_leave_val_and_test_as_they_are(scenes_inputs):
    cut = scenes_inputs.first_images(train=3)

    whole = scenes_inputs.split("train")
    assert cut.split("train").image_ids == whole.image_ids[:3]
    assert cut.split("train").num_captions == int((whole.image_of_caption < 3).sum())
    assert {**cut.split_sizes(), "train": 0} == {**scenes_inputs.split_sizes(), "train": 0}
    assert cut.checksums == scenes_inputs.checksums


def test_the_first_images_of_val_and_test_keep_all_their_sentences_and_train_stays(scenes_inputs):
    cut = scenes_inputs.first_images(val=4, test=7)

    for name, number in (("val", 4), ("test", 7)):
        whole, first = scenes_inputs.split(name), cut.split(name)
        assert first.image_ids == whole.image_ids[:number]
        assert list(first.captions) == [whole.captions[row] for row in np.flatnonzero(whole.image_of_caption < number)]
    assert cut.split_sizes()["train"] == scenes_inputs.split_sizes()["train"]


def test_no_number_keeps_every_image(scenes_inputs):
    assert scenes_inputs.first_images() is scenes_inputs
    assert scenes_inputs.first_images(val=4).split_sizes()["test"] == scenes_inputs.split_sizes()["test"]
