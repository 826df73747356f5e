"""Names of features, and what is read back off them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr.workspace import feature_names
from cmr.workspace.feature_names import OWN_SIZES

CROPS = st.sampled_from([1, 10])
WEIGHTS = st.sampled_from(["imagenet", "random"])
SIZES = st.one_of(st.just(0), st.integers(75, 2048).filter(lambda size: size not in OWN_SIZES.values()))
GRIDS = st.integers(1, 32).map(lambda side: f"grid{side}x{side}")
LAYERS = st.one_of(st.sampled_from(["", "grid", "predictions"]), st.integers(2, 8).map("stages{}".format), GRIDS)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("vgg16", "fc7"), "vgg16-fc7"),
        (("vgg19", "fc6", 10), "vgg19-fc6-10crop"),
        (("vgg16", "pool5_avg", 1, "random"), "vgg16-pool5_avg-random"),
        (("vgg16", "fc7", 10, "random"), "vgg16-fc7-10crop-random"),
        (("scene_cnn", "fc7"), "scene_cnn-objects"),
        (("vgg16", "stages2", 1, "random", 448), "vgg16-stages2-448px-random"),
    ],
)
def test_vgg_features_are_named_by_network_layer_crops_and_weights(arguments, name):
    assert feature_names.of_vgg(*arguments) == name


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("inception_v3",), "inception_v3"),
        (("efficientnet_lite2", "", 10), "efficientnet_lite2-10crop"),
        (("scene_cnn",), "scene_cnn-layout"),
        (("efficientnet_lite2", "", 1, "imagenet", "stages3", 352), "efficientnet_lite2-stages3-352px"),
        (("efficientnet_lite2", "", 10, "imagenet", "", 352), "efficientnet_lite2-10crop-352px"),
        (("hub", "https://tfhub.dev/google/lite2/feature-vector/2/"), "hub-tfhub_dev_google_lite2_feature_vector_2"),
    ],
)
def test_image_features_are_named_by_network_or_module(arguments, name):
    assert feature_names.of_image(*arguments) == name


@given(layer=LAYERS, crops=CROPS, weights=WEIGHTS, size=SIZES)
def test_the_layer_and_the_size_are_read_back_off_a_name(layer, crops, weights, size):
    of_image = feature_names.of_image("efficientnet_lite2", "", crops, weights, layer, size)
    of_vgg = feature_names.of_vgg("vgg16", layer or "pool5_avg", crops, weights, size)

    assert feature_names.layer_and_size(of_image) == (layer, size)
    assert feature_names.layer_and_size(of_vgg) == (layer, size)
    sized = [f"--input_size={size}"] if size else []
    assert feature_names.extract_flags(of_vgg) == (*feature_names.layer_flags(layer), *sized)
    assert feature_names.of_usual_pictures(of_image) == feature_names.of_image("efficientnet_lite2", layer=layer)
    assert feature_names.of_usual_pictures(of_vgg) == feature_names.of_vgg("vgg16", layer or "pool5_avg")


@pytest.mark.parametrize(("model", "size"), OWN_SIZES.items())
def test_the_size_that_a_cnn_was_made_for_is_not_named(model, size):
    assert feature_names.of_image(model, size=size) == model
    assert feature_names.of_vgg(model, "fc7", size=size) == f"{model}-fc7"


@pytest.mark.parametrize("name", ["mine", "grid", "a-grid4x5", "a-grid0x0", "stages3", "a-stages", "a-stages1", "9px"])
def test_names_of_a_users_own_say_neither(name):
    assert feature_names.layer_and_size(name) == ("", 0)
