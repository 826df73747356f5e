"""W_img without a captioner: the linear map, trained once on each set of inputs."""

import keras
import numpy as np
import pytest

from cmr.data import input_names
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
