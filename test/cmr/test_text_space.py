"""W_img: a captioner's, read from its file, or the linear map, trained once on each set of inputs."""

import keras
import numpy as np
import pytest

from cmr import errors, image_encoder, text_space

KERNEL = np.random.default_rng(0).normal(size=(14, 5)).astype(np.float32)


def captioner_of(layer_name, path):
    """A Keras model whose layer holds KERNEL."""
    image = keras.Input((14,))
    layer = keras.layers.Dense(5, use_bias=False, name=layer_name)
    model = keras.Model(image, keras.layers.Dense(2)(layer(image)))
    layer.set_weights([KERNEL])
    model.save(path)
    return path


def arrays(path, **entries):
    np.savez(path, **entries)
    return path


def test_the_kernel_of_a_keras_model_is_its_layer_image_embeddings(tmp_path):
    path = captioner_of("image_embedding", tmp_path / "captioner.keras")

    np.testing.assert_array_equal(text_space.captioner_kernel(path), KERNEL)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_kernel_of_an_npz_is_its_entry_as_im2txt_names_it(tmp_path, dtype):
    path = arrays(tmp_path / "captioner.npz", **{"image_embedding/weights": KERNEL.astype(dtype), "other": np.ones(3)})

    found = text_space.captioner_kernel(path)

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, KERNEL)


def written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda folder: written(folder / "a.npz", b""), id="an empty .npz"),
        pytest.param(lambda folder: written(folder / "a.npz", b"PK\x03\x04 cut"), id="a cut .npz"),
        pytest.param(lambda folder: arrays(folder / "a.npz", weights=KERNEL), id="an .npz without the entry"),
        pytest.param(lambda folder: written(folder / "a.keras", b"garbage"), id="a damaged .keras"),
        pytest.param(lambda folder: written(folder / "a.txt", b"garbage"), id="a text"),
        pytest.param(lambda folder: captioner_of("dense", folder / "a.keras"), id="a model without the layer"),
    ],
)
def test_a_file_without_the_kernel_is_refused(tmp_path, write):
    with pytest.raises(errors.WorkspaceError, match="holds no kernel of a layer image_embedding"):
        text_space.captioner_kernel(write(tmp_path))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(errors.WorkspaceError, match=r"none\.keras does not exist"):
        text_space.captioner_kernel(tmp_path / "none.keras")


def test_the_checksum_is_that_of_the_values():
    assert text_space.kernel_checksum(KERNEL) == text_space.kernel_checksum(KERNEL.astype(np.float64))
    assert text_space.kernel_checksum(KERNEL) != text_space.kernel_checksum(KERNEL.T)
    assert text_space.kernel_checksum(KERNEL) != text_space.kernel_checksum(KERNEL + 1e-3)


@pytest.fixture(scope="module")
def train(scenes_inputs):
    return scenes_inputs.split("train")


def linear(path, train, checksum="these inputs", units=5):
    return text_space.linear_kernel(path, train, 60, units, checksum)


def test_the_linear_map_is_trained_alike_whatever_the_runs_seed(tmp_path, train):
    keras.utils.set_random_seed(1)
    first = linear(tmp_path / "a.npz", train)
    keras.utils.set_random_seed(2)

    second = linear(tmp_path / "b.npz", train)

    assert first.shape == (train.features[image_encoder.IMAGE_FEATURES].array.shape[1], 5)
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
