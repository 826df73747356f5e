"""A CNN's blocks: where they begin, and that only those asked for are trained, batch normalisation left alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tunable_runs

from cmr.errors import ConfigError
from cmr.finetuning import blocks
from data_prep.extract import efficientnet_lite, stages


def starts(model: keras.Model) -> list[str]:
    return [tensor._keras_history.operation.name for tensor in blocks.block_starts(model)]


def test_layers_of_one_block_by_name_are_one_and_a_residual_piece_is_not_cut():
    model = tunable_runs.three_blocks()

    assert starts(model) == ["pictures", "block1_conv2", model.get_layer("head").input._keras_history.operation.name]


def test_layers_of_a_chain_are_blocks_each():
    picture = keras.Input((4, 4, 1), name="pictures")
    x = keras.layers.Conv2D(2, 3, name="first")(picture)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(3, name="fc1")(x)
    model = keras.Model(picture, keras.layers.Dense(2, name="fc2")(x))

    assert starts(model) == ["pictures", "flat", "fc1"]


def test_branches_that_join_are_one_block():
    picture = keras.Input((4, 4, 1), name="pictures")
    x = keras.layers.Conv2D(2, 1, name="stem")(picture)
    left = keras.layers.Conv2D(2, 1, name="left2")(keras.layers.Conv2D(2, 1, name="left1")(x))
    joined = keras.layers.Concatenate(name="joined")([left, keras.layers.Conv2D(2, 1, name="right")(x)])
    model = keras.Model(picture, keras.layers.Dense(2, name="fc")(keras.layers.Flatten()(joined)))

    assert [name for name in starts(model) if name != "flatten"][:2] == ["pictures", "stem"]
    assert len(starts(model)) == 3


def test_a_stage_that_is_read_beside_the_last_one_is_cut_behind_its_map():
    pictures = keras.Input((4, 4, 3), name="pictures")
    first = keras.layers.Conv2D(2, 1, name="block1_conv")(pictures)
    second = keras.layers.Conv2D(2, 1, name="block2_conv")(first)
    third = keras.layers.Conv2D(2, 1, name="block3_conv1")(second)
    last = keras.layers.Conv2D(2, 1, name="block4_conv1")(third)
    model = keras.Model(pictures, stages.means_of([last, second]))
    noise = np.random.default_rng(0).random((2, 4, 4, 3)).astype(np.float32)

    parts = blocks.parts_of(model, 1)

    # What lies behind the stage's map is one block, whatever the names of its layers.
    assert starts(model) == ["pictures", "block1_conv", "block2_conv"]
    assert parts.cut == "block2_conv"
    assert {variable.path.split("/")[0] for variable in parts.trained.trainable_variables} == {
        "block3_conv1",
        "block4_conv1",
    }
    np.testing.assert_allclose(parts.trained(parts.frozen(noise)), model(noise), rtol=1e-6)


def nested(inner: keras.Model) -> keras.Model:
    """A CNN with a model in a model, in functional form and as a chain."""
    pictures = keras.Input(inner.input.shape[1:], name="whole_pictures")
    scaled = keras.Sequential([keras.layers.Rescaling(0.5), keras.layers.Rescaling(2.0)], name="scaling")(pictures)
    middle = keras.Model(inner.input, inner(inner.input), name="middle")
    return keras.Model(pictures, keras.layers.Dense(3, name="last")(middle(scaled)))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_models_inside_a_cnn_are_cut_as_if_they_were_not_inside(count):
    model = nested(tunable_runs.three_blocks())
    pictures = np.random.default_rng(0).random((2, *model.input.shape[1:])).astype(np.float32)

    parts = blocks.parts_of(model, count)

    maps = parts.frozen(pictures) if parts.frozen else pictures
    np.testing.assert_allclose(parts.trained(maps), model(pictures), rtol=1e-5, atol=1e-5)
    learn = {variable.path.split("/")[0] for variable in parts.trained.trainable_variables}
    assert "last" in learn and ("head" in learn) == (count != 1)
    assert (parts.frozen is None) == (count == 0)


def test_the_last_two_of_efficientnet_lite2_are_its_last_stage_and_its_head():
    network = efficientnet_lite.efficientnet_lite2()
    model = keras.Model(network.input, network.output["features"])

    parts = blocks.parts_of(model, 2)

    assert parts.frozen.output.shape[1:] == (9, 9, 208)
    assert {variable.path.split("/")[0] for variable in parts.trained.trainable_variables} == {
        "_blocks.20._expand_conv",
        "_blocks.20._depthwise_conv",
        "_blocks.20._project_conv",
        "_conv_head",
    }


@pytest.mark.parametrize(
    ("count", "trained"),
    [
        (1, {"head"}),
        (2, {"head", "block2_conv"}),
        (3, {"head", "block2_conv", "block1_conv1", "block1_conv2"}),
        (0, {"head", "block2_conv", "block1_conv1", "block1_conv2"}),
        (9, {"head", "block2_conv", "block1_conv1", "block1_conv2"}),
    ],
)
def test_a_step_changes_the_blocks_asked_for_and_nothing_else(count, trained):
    model = tunable_runs.three_blocks()
    parts = blocks.parts_of(model, count)
    before = {variable.path: variable.numpy() for variable in model.variables}
    inputs = tf.random.stateless_uniform((2, *parts.trained.input.shape[1:]), (1, 2), maxval=255.0)

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(parts.trained(inputs, training=False) ** 2)
    variables = parts.trained.trainable_variables
    gradients = tape.gradient(loss, variables)
    keras.optimizers.SGD(0.1).apply(gradients, variables)

    changed = {path for path, value in before.items() if not np.array_equal(value, _value(model, path))}
    assert {path.split("/")[0] for path in changed} == trained
    assert (parts.frozen is None) == (count in (0, 3, 9))


def _value(model: keras.Model, path: str) -> np.ndarray:
    return next(variable.numpy() for variable in model.variables if variable.path == path)


def test_the_parts_one_after_the_other_are_the_whole():
    model = tunable_runs.three_blocks()
    pictures = np.random.default_rng(0).uniform(0, 255, (3, tunable_runs.SIZE, tunable_runs.SIZE, 3)).astype(np.float32)
    expected = model(pictures, training=False).numpy()

    parts = blocks.parts_of(model, 2)

    np.testing.assert_allclose(
        parts.trained(parts.frozen(pictures, training=False), training=False).numpy(), expected, rtol=1e-6
    )


def test_a_cnn_without_weights_has_nothing_to_train():
    picture = keras.Input((4, 4, 3))
    model = keras.Model(picture, keras.layers.GlobalAveragePooling2D()(picture), name="mean")

    with pytest.raises(ConfigError, match="the CNN mean has no weights to train"):
        blocks.parts_of(model, 1)
