"""W_img without a captioner: the linear map, trained once on each set of inputs."""

import dataclasses

import keras
import numpy as np
import pytest

from cmr.data import input_names
from cmr.data.examples import FeatureRows
from cmr.text_space.linear import linear_kernel

KERNEL = np.random.default_rng(0).normal(size=(14, 5)).astype(np.float32)


def arrays(path, **entries):
    np.savez(path, **entries)
    return path


def written(path, content):
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def train(scenes_inputs):
    return scenes_inputs.split("train")


def linear(path, train, checksum="these inputs", units=5):
    return linear_kernel(path, train, 60, units, checksum)


def test_the_linear_map_is_trained_alike_whatever_the_runs_seed(tmp_path, train):
    keras.utils.set_random_seed(1)
    first = linear(tmp_path / "a.npz", train)
    keras.utils.set_random_seed(2)

    second = linear(tmp_path / "b.npz", train)

    assert first.shape == (train.features[input_names.IMAGE_FEATURES].array.shape[1], 5)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(second, first)


@pytest.mark.parametrize("factor", [1 / 64, 64.0])
def test_features_of_another_scale_have_the_same_x_txt(tmp_path, train, factor):
    """A power of two scales without rounding, so that the training sees the very same numbers."""
    rows = train.features[input_names.IMAGE_FEATURES]
    array = rows.array[np.arange(len(rows.array))]
    scaled = dataclasses.replace(
        train, features={input_names.IMAGE_FEATURES: FeatureRows(array * np.float32(factor), rows.rows)}
    )

    kernel, of_scaled = linear(tmp_path / "a.npz", train), linear(tmp_path / "b.npz", scaled)

    np.testing.assert_allclose((array * factor) @ of_scaled, array @ kernel, rtol=1e-4, atol=1e-6)


def test_a_kept_linear_map_is_read_and_not_trained_again(tmp_path, train):
    path = arrays(tmp_path / "kept.npz", kernel=KERNEL, inputs_checksum="these inputs")

    np.testing.assert_array_equal(linear(path, train), KERNEL)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: arrays(path, kernel=KERNEL, inputs_checksum="others"), id="of other inputs"),
        pytest.param(
            lambda path: arrays(path, kernel=KERNEL[:, :4], inputs_checksum="these inputs"), id="of another size"
        ),
        pytest.param(lambda path: written(path, b"garbage"), id="damaged"),
    ],
)
def test_a_linear_map_that_does_not_fit_is_trained_again_and_kept(tmp_path, train, write):
    path = write(tmp_path / "kept.npz")

    trained = linear(path, train)

    assert trained.shape == KERNEL.shape
    assert not np.array_equal(trained, KERNEL)
    np.testing.assert_array_equal(linear(path, train), trained)
