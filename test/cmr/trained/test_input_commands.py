"""The commands that make what a run reads: the prepared data set and its features."""

import pytest
from printed_commands import words

from cmr.trained import input_commands
from cmr.workspace import feature_names


def extractor(name, model, layer="", crops=1, weights="w.npz"):
    return {"name": name, "model": model, "layer": layer, "crops": crops, "weights": weights}


@pytest.mark.parametrize(
    ("described", "flags"),
    [
        (
            extractor("efficientnet_lite2-stages3-352px", "efficientnet_lite2", "stages3"),
            "--cnn=image --image_model=efficientnet_lite2 --stages=3 --input_size=352 --weights=w.npz",
        ),
        (
            extractor("inception_v3", "inception_v3", "pool", weights="imagenet"),
            "--cnn=image --image_model=inception_v3 --weights=imagenet",
        ),
        (
            extractor("vgg16-fc7-10crop", "vgg16", "fc7", 10),
            "--cnn=vgg --vgg_model=vgg16 --vgg_layer=fc7 --crops=10 --weights=w.npz",
        ),
        (
            extractor("vgg19-pool5_avg-448px", "vgg19", "pool5_avg"),
            "--cnn=vgg --vgg_model=vgg19 --vgg_layer=pool5_avg --input_size=448 --weights=w.npz",
        ),
        (
            {**extractor("inception_v3", "inception_v3", "pool"), "blank_images": ["a.jpg"]},
            "--cnn=image --image_model=inception_v3 --weights=w.npz --on_corrupt=blank",
        ),
        (
            extractor("vgg16-grid4x4", "vgg16", "grid4x4"),
            "--cnn=vgg --vgg_model=vgg16 --grid --grid_side=4 --weights=w.npz",
        ),
    ],
)
def test_features_are_extracted_again_by_the_flags_that_their_name_comes_from(described, flags):
    command = words(input_commands.extraction(described, "flickr8k"))

    assert command == ["python", "-m", "data_prep.extract", "--dataset=flickr8k", *flags.split()]


@pytest.mark.parametrize(
    "described",
    [
        extractor("mine", "", crops=None, weights="imported"),
        extractor("vgg16-fc7", "", "fc7", crops=None, weights="imported"),
        extractor("efficientnet_lite2-finetuned", "efficientnet_lite2", "pool", weights="w.npz, tuned"),
        extractor("hub-my_module", "hub"),
        {"name": "by_hand", "model": "vgg16", "stand_in": ""},
    ],
)
def test_features_whose_name_does_not_say_all_have_none(described):
    assert input_commands.extraction(described, "flickr8k") == []


@pytest.mark.parametrize(
    ("name", "weights", "flags"),
    [
        ("scene_cnn-objects", "scenes, seed 0", []),
        ("scene_cnn-layout", "scenes, seed 7", ["--cnn_seed=7"]),
        ("scene_cnn-grid4x4", "scenes, seed 0", ["--cnn=image", "--grid", "--grid_side=4"]),
    ],
)
def test_features_of_the_scenes_are_extracted_by_the_cnns_that_are_trained_for_it(name, weights, flags):
    command = words(input_commands.extraction(extractor(name, "scene_cnn", weights=weights), "scenes"))

    assert command == ["python", "-m", "data_prep.extract", "--dataset=scenes", *flags]


def test_a_data_set_is_prepared_again_by_the_flags_that_its_description_keeps():
    flags = ["--data_dir=/home/me/raw data", "--min_word_count=5", "--words_of=flickr30k,mscoco"]

    command = words(input_commands.preparation({"dataset": "flickr8k", "flags": flags}))

    assert command == ["python", "-m", "data_prep.prepare", "--dataset=flickr8k", "--data_dir=~/raw data", *flags[1:]]


def test_the_description_of_an_older_version_has_no_command():
    assert input_commands.preparation({"dataset": "flickr8k"}) == []


@pytest.mark.parametrize("layer", ["grid", "grid4x4", "predictions", "stages3"])
def test_the_flags_of_a_layer_hold_all_that_its_name_says(layer):
    name = feature_names.of_image("efficientnet_lite2", layer=layer, size=352)

    assert feature_names.layer_and_size(name) == (layer, 352)
    assert (
        feature_names.layer_flags(layer)
        == {
            "grid": ("--grid",),
            "grid4x4": ("--grid", "--grid_side=4"),
            "predictions": ("--predictions",),
            "stages3": ("--stages=3",),
        }[layer]
    )
