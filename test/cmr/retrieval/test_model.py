"""The three models against float64 NumPy readings of Eqs. 4 and 5."""

import keras
import numpy as np
import pytest

from cmr import config
from cmr.captioner.model import IMAGE_EMBEDDING
from cmr.config import ModelConfig
from cmr.data import input_names
from cmr.errors import ConfigError
from cmr.retrieval.model import retrieval_model

VGG_DIM, IMAGE_DIM, TEXT_DIM, UNITS, PAIRS = 7, 6, 5, 4, 3


def model_config(model, **changed):
    return ModelConfig(
        **{
            "model": model,
            "vgg_dim": VGG_DIM if model != "single" else 0,
            "image_dim": IMAGE_DIM if model != "vse" else 0,
            "vocabulary_size": 11,
            "word_dim": 3,
            "gru_units": UNITS,
            "text_space_dim": TEXT_DIM,
            **changed,
        }
    )


def some_inputs():
    random = np.random.default_rng(5)
    return {
        input_names.VGG_FEATURES: random.normal(size=(PAIRS, VGG_DIM)).astype(np.float32),
        input_names.IMAGE_FEATURES: random.normal(size=(PAIRS, IMAGE_DIM)).astype(np.float32),
        "caption": np.array([[3, 4, 2], [5, 2, 0], [2, 0, 0]], np.int32),
    }


def inputs_of(model):
    return {name: value for name, value in some_inputs().items() if name in model.input}


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def reference_image_embedding(model, settings):
    """Eqs. 4 and 5, with the readings of the settings."""
    scaled = unit if settings.normalize_features else np.asarray
    kernels = {weight.path: weight.numpy().astype(np.float64) for weight in model.get_layer("image_encoder").weights}
    inputs = some_inputs()
    x_final = np.zeros((PAIRS, UNITS))
    if settings.model in ("vse", "fusion"):
        x_vgg = inputs[input_names.VGG_FEATURES].astype(np.float64)
        x_final += scaled(x_vgg) @ kernels["vgg_fuse/kernel"]
    if settings.model in ("single", "fusion"):
        x_img = inputs[input_names.IMAGE_FEATURES].astype(np.float64)
        x_txt = x_img @ kernels["image_embedding/kernel"]
        x_final += scaled(x_txt) @ kernels["text_fuse/kernel"]
    return unit(x_final) if settings.image_norm_in_loss else x_final


@pytest.mark.parametrize("name", config.MODELS)
@pytest.mark.parametrize("normalize_features", [True, False])
@pytest.mark.parametrize("image_norm_in_loss", [True, False])
def test_the_image_embedding_is_equations_4_and_5(name, normalize_features, image_norm_in_loss):
    settings = model_config(name, normalize_features=normalize_features, image_norm_in_loss=image_norm_in_loss)
    model = retrieval_model(settings)

    embedding = model(inputs_of(model))["image"].numpy()

    np.testing.assert_allclose(embedding, reference_image_embedding(model, settings), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("vse", {"vgg_features", "caption"}),
        ("single", {"image_features", "caption"}),
        ("fusion", {"vgg_features", "image_features", "caption"}),
    ],
)
def test_a_model_reads_the_features_of_its_kind_alone(name, inputs):
    assert set(retrieval_model(model_config(name)).input) == inputs


def test_the_caption_embedding_is_the_text_encoders():
    model = retrieval_model(model_config("fusion"))
    inputs = inputs_of(model)

    embedding = model(inputs)["caption"].numpy()

    np.testing.assert_allclose(embedding, model.get_layer("text_encoder")(inputs["caption"]).numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["single", "fusion"])
def test_w_img_is_the_kernel_given_and_frozen(name):
    kernel = np.random.default_rng(1).normal(size=(IMAGE_DIM, TEXT_DIM)).astype(np.float32)

    model = retrieval_model(model_config(name), kernel)

    layer = model.get_layer("image_encoder").get_layer(IMAGE_EMBEDDING)
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)
    assert not any("image_embedding" in weight.path for weight in model.trainable_variables)
    assert any("image_embedding" in weight.path for weight in model.non_trainable_variables)


def test_w_img_goes_on_learning_when_asked_to():
    model = retrieval_model(model_config("fusion", train_text_space=True))

    assert any("image_embedding" in weight.path for weight in model.trainable_variables)


def test_the_visual_part_has_no_bias():
    model = retrieval_model(model_config("fusion"))

    assert sorted(weight.path for weight in model.get_layer("image_encoder").weights) == [
        "image_embedding/kernel",
        "text_fuse/kernel",
        "vgg_fuse/kernel",
    ]


def test_the_fusion_maps_are_xavier_initialised():
    keras.utils.set_random_seed(0)
    model = retrieval_model(model_config("fusion", vgg_dim=300, gru_units=200))

    kernel = model.get_layer("image_encoder").get_layer("vgg_fuse").kernel.numpy()

    limit = np.sqrt(6 / (300 + 200))
    assert np.abs(kernel).max() <= limit
    np.testing.assert_allclose(kernel.std(), limit / np.sqrt(3), rtol=0.02)


def test_a_kernel_of_other_features_is_refused_with_both_shapes():
    kernel = np.zeros((IMAGE_DIM + 1, TEXT_DIM), np.float32)

    with pytest.raises(ConfigError, match=r"W_img is \[7, 5\] but .* need \[6, 5\]"):
        retrieval_model(model_config("single"), kernel)


def test_images_and_captions_of_one_call_may_differ_in_number():
    model = retrieval_model(model_config("vse"))
    inputs = inputs_of(model)

    embeddings = model({**inputs, "caption": inputs["caption"][:1]})

    assert embeddings["image"].shape == (3, UNITS)
    assert embeddings["caption"].shape == (1, UNITS)


@pytest.mark.parametrize("name", config.MODELS)
@pytest.mark.parametrize("gru_reset_after", [False, True])
def test_saved_weights_give_the_same_embeddings(tmp_path, name, gru_reset_after):
    saved = retrieval_model(model_config(name, gru_reset_after=gru_reset_after))
    loaded = retrieval_model(model_config(name, gru_reset_after=gru_reset_after))
    inputs = inputs_of(saved)

    saved.save_weights(tmp_path / "best.weights.h5")
    loaded.load_weights(tmp_path / "best.weights.h5")

    for output in ("image", "caption"):
        np.testing.assert_array_equal(loaded(inputs)[output].numpy(), saved(inputs)[output].numpy())


@pytest.mark.parametrize("name", config.MODELS)
def test_dropout_acts_on_images_in_training_alone(name):
    plain = retrieval_model(model_config(name))
    dropping = retrieval_model(model_config(name, dropout=0.5))
    for ours, theirs in zip(dropping.trainable_variables, plain.trainable_variables, strict=True):
        ours.assign(theirs)
    if name != "vse":
        dropping.get_layer("image_encoder").get_layer("image_embedding").set_weights(
            plain.get_layer("image_encoder").get_layer("image_embedding").get_weights()
        )
    expected = plain(inputs_of(plain), training=True)

    evaluated, trained = (dropping(inputs_of(dropping), training=training) for training in (False, True))

    np.testing.assert_allclose(evaluated["image"], expected["image"], rtol=1e-5)
    assert np.abs(trained["image"] - expected["image"]).max() > 0.01
    np.testing.assert_allclose(trained["caption"], expected["caption"], rtol=1e-5)


def test_word_dropout_acts_on_sentences_in_training_alone():
    plain, dropping = (retrieval_model(model_config("vse", word_dropout=rate)) for rate in (0.0, 0.9))
    dropping.set_weights([*plain.get_weights(), *dropping.get_weights()[len(plain.weights) :]])
    expected = plain(inputs_of(plain), training=True)

    evaluated, trained = (dropping(inputs_of(dropping), training=training) for training in (False, True))

    np.testing.assert_array_equal(evaluated["caption"], expected["caption"])
    assert np.abs(trained["caption"] - expected["caption"]).max() > 0.01
    np.testing.assert_array_equal(trained["image"], expected["image"])
