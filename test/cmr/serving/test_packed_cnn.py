"""The CNN of a packed model keeps its kernels in half precision and everything else as it was."""

import keras
import numpy as np
import pytest

from cmr.serving import packed_cnn


@pytest.fixture
def small_cnn(tmp_path):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(), keras.layers.Flatten()]
    )
    model.layers[1].moving_variance.assign([1e-9, 0.1, 1 / 3, 70_000.0])
    model.save(tmp_path / "cnn.keras")
    return model, (tmp_path / "cnn.keras").read_bytes()


def read_back(content, folder):
    (folder / "back.keras").write_bytes(content)
    return keras.saving.load_model(folder / "back.keras", compile=False)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_kernels_are_rounded_and_vectors_kept_to_the_last_bit(small_cnn, tmp_path, dtype):
    model, content = small_cnn

    again = read_back(packed_cnn.with_dtype(content, dtype), tmp_path)

    assert {weight.dtype for weight in again.weights} == {"float32"}
    for kept, weight in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight.astype(dtype).astype(np.float32) if weight.ndim > 1 else weight)


def test_the_same_cnn_gives_the_same_bytes(small_cnn):
    _, content = small_cnn

    packed = packed_cnn.with_dtype(content, "float16")

    assert packed == packed_cnn.with_dtype(content, "float16")
    assert packed_cnn.with_dtype(packed, "float16") == packed
