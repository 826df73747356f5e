"""The CNNs: layers, preprocessing, weights files of the right and of the wrong shapes."""

import functools
import json
import pathlib
import pickle

import h5py
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from cmr.errors import ConfigError, WorkspaceError
from cmr.pictures import files
from cmr.pictures.cnn import read_cnn, write_cnn
from cmr.workspace import features
from data_prep.extract import cnns, efficientnet_lite, hub_module, layers

# ImageNet's classes 151 to 268 are breeds of dogs.
_DOGS = range(151, 269)


def _noise(size: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).integers(256, size=(count, size, size, 3)).astype(np.float32)


def _run(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(pictures, training=False))


def test_pool5_avg_is_the_mean_over_pool5s_positions(tmp_path):
    reference = keras.applications.VGG16(include_top=False, weights=None)
    reference.save_weights(tmp_path / "notop.weights.h5")
    pictures = _noise(224)

    cnn = cnns.vgg("vgg16", "pool5_avg", str(tmp_path / "notop.weights.h5"), 0, 1)
    rows = _run(cnn.build(), pictures)

    pool5 = _run(reference, keras.applications.vgg16.preprocess_input(pictures.copy()))
    np.testing.assert_allclose(rows, pool5.mean(axis=(1, 2)), rtol=1e-4, atol=1e-4)
    assert (cnn.name, cnn.stand_in) == ("vgg16-pool5_avg", "VGG16 fc7")


def test_fc6_and_fc7_are_read_after_relu_from_a_file_in_keras_official_layout(tmp_path):
    keras.utils.set_random_seed(4)
    reference = keras.applications.VGG16(weights=None)
    _write_legacy_weights(reference, tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels.h5")
    pictures = _noise(224, 1)
    inputs = keras.applications.vgg16.preprocess_input(pictures.copy())

    for layer, name in (("fc6", "fc1"), ("fc7", "fc2")):
        cnn = cnns.vgg("vgg16", layer, str(next(tmp_path.iterdir())), 0, 1)
        rows = _run(cnn.build(), pictures)

        expected = _run(keras.Model(reference.input, reference.get_layer(name).output), inputs)
        assert rows.shape == (1, 4096)
        assert rows.min() == 0
        np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)
        assert cnn.stand_in == ""


def _write_legacy_weights(model: keras.Model, path: pathlib.Path) -> None:
    """The layout of the files that Keras downloads: a group a layer, named in attributes."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{kind}_1:0" for kind in ("W", "b")][: len(layer.weights)]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, values in zip(names, layer.get_weights(), strict=True):
                group[name] = values


def test_inception_v3_gives_2048_values(tmp_path):
    reference = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg")
    reference.save_weights(tmp_path / "inception.weights.h5")
    pictures = _noise(299, 1)

    cnn = cnns.inception_v3(str(tmp_path / "inception.weights.h5"), 0, 1)
    rows = _run(cnn.build(), pictures)

    assert rows.shape == (1, 2048)
    np.testing.assert_allclose(rows, _run(reference, pictures / 127.5 - 1), rtol=1e-3, atol=1e-4)
    assert (cnn.name, cnn.input_size, cnn.stand_in) == ("inception_v3", 299, "")


def test_a_grid_is_the_map_that_the_pooled_feature_is_the_mean_of():
    pairs = [
        (cnns.vgg("vgg16", "pool5_avg", "random", 1, 1), cnns.vgg("vgg16", "fc7", "random", 1, 1, layers.grid(0)), 49),
        (cnns.inception_v3("random", 1, 1), cnns.inception_v3("random", 1, 1, layers.grid(3)), 9),
        (cnns.efficientnet_lite2("random", 1, 1), cnns.efficientnet_lite2("random", 1, 1, layers.grid(4)), 16),
    ]
    for pooled, with_places, cells in pairs:
        pictures = _noise(pooled.input_size, 1)

        rows = _run(with_places.build(), pictures)

        expected = _run(pooled.build(), pictures)
        assert rows.shape == (1, cells, expected.shape[1])
        np.testing.assert_allclose(rows.mean(axis=1), expected, rtol=1e-3, atol=1e-4)
    described = [(grid.name, grid.layer, grid.stand_in) for _, grid, _ in pairs]
    assert described == [
        ("vgg16-grid-random", "grid", "R-CNN regions"),
        ("inception_v3-grid3x3-random", "grid3x3", "R-CNN regions"),
        ("efficientnet_lite2-grid4x4-random", "grid4x4", "R-CNN regions"),
    ]


def _ends_in_vgg(size: int) -> keras.Model:
    reference = cnns.vgg("vgg16", "fc7", "random", 1, 1, layers.grid(0), size).build()
    return keras.Model(reference.input, [reference.get_layer(f"block{number}_pool").output for number in (5, 4, 3)])


def _ends_in_inception(size: int) -> keras.Model:
    reference = cnns.inception_v3("random", 1, 1, layers.grid(0), size).build()
    return keras.Model(reference.input, [reference.get_layer(f"mixed{number}").output for number in (10, 7, 2)])


def _ends_in_lite(size: int) -> keras.Model:
    keras.utils.set_random_seed(1)
    reference = efficientnet_lite.efficientnet_lite2(size)
    # What stands behind the last two stages reads their ends.
    behind = [reference.get_layer(name).input for name in ("_conv_head", "_blocks.20._expand_conv")]
    return keras.Model(reference.input, [reference.output["map"], *behind])


@pytest.mark.parametrize(
    ("network", "ends", "size", "dims"),
    [
        (functools.partial(cnns.vgg, "vgg16", "fc7"), _ends_in_vgg, 96, [512, 512, 256]),
        (cnns.inception_v3, _ends_in_inception, 160, [2048, 768, 288]),
        (cnns.efficientnet_lite2, _ends_in_lite, 0, [1280, 352, 208]),
    ],
)
def test_stages_are_the_means_of_the_last_ones_each_of_norm_1(network, ends, size, dims):
    cnn = network("random", 1, 1, layers.stages(3), size=size)
    pictures = _noise(cnn.input_size)

    rows = _run(cnn.build(), pictures)

    stages = [keras.ops.convert_to_numpy(maps) for maps in ends(cnn.input_size)(pictures)]
    means = [maps.astype(np.float64).mean(axis=(1, 2)) for maps in stages]
    expected = [mean / np.linalg.norm(mean, axis=1, keepdims=True) for mean in means]
    assert [mean.shape[1] for mean in means] == dims
    np.testing.assert_allclose(rows, np.concatenate(expected, axis=1), rtol=1e-3, atol=1e-5)


def test_stages_and_sizes_are_in_the_names_and_stand_in_for_the_papers_layers():
    described = [
        cnns.vgg("vgg19", "fc7", "random", 1, 1, layers.stages(2)),
        cnns.vgg("vgg16", "pool5_avg", "imagenet", 0, 10, size=448),
        cnns.inception_v3("imagenet", 0, 1, layers.stages(2)),
        cnns.inception_v3("imagenet", 0, 1, layers.stages(1), size=448),
        cnns.inception_v3("imagenet", 0, 1, layers.stages(1), size=299),
        cnns.efficientnet_lite2("random", 1, 1, layers.stages(3), size=352),
        cnns.efficientnet_lite2("random", 1, 1, layers.grid(4), size=352),
    ]

    assert [(cnn.name, cnn.layer, cnn.input_size, cnn.stand_in) for cnn in described] == [
        ("vgg19-stages2-random", "stages2", 224, "VGG16 fc7"),
        ("vgg16-pool5_avg-10crop-448px", "pool5_avg", 448, "VGG16 fc7"),
        ("inception_v3-stages2", "stages2", 299, "Inception v3"),
        ("inception_v3-448px", "pool", 448, "Inception v3"),
        ("inception_v3", "pool", 299, ""),
        ("efficientnet_lite2-stages3-352px-random", "stages3", 352, "Inception v3"),
        ("efficientnet_lite2-grid4x4-352px-random", "grid4x4", 352, "R-CNN regions"),
    ]


@pytest.mark.parametrize(
    ("network", "count", "name"),
    [
        (functools.partial(cnns.vgg, "vgg16", "fc7"), 5, "vgg16"),
        (cnns.inception_v3, 3, "inception_v3"),
        (cnns.efficientnet_lite2, 8, "efficientnet_lite2"),
    ],
)
def test_more_stages_than_a_network_has_are_refused(network, count, name):
    assert network("random", 1, 1, layers.stages(count)).layer == f"stages{count}"
    with pytest.raises(ConfigError, match=f"--stages={count + 1} is more than the {count} of {name}"):
        network("random", 1, 1, layers.stages(count + 1))


def test_predictions_are_the_classes_probabilities(tmp_path):
    keras.utils.set_random_seed(4)
    reference = keras.applications.InceptionV3(weights=None)
    reference.save_weights(tmp_path / "inception.weights.h5")
    pictures = _noise(299, 1)
    inception = cnns.inception_v3(str(tmp_path / "inception.weights.h5"), 0, 1, layers.PREDICTIONS)
    lite = cnns.efficientnet_lite2("random", 1, 1, layers.PREDICTIONS)

    np.testing.assert_allclose(
        _run(inception.build(), pictures), _run(reference, pictures / 127.5 - 1), rtol=1e-3, atol=1e-5
    )

    squares = _noise(lite.input_size)
    keras.utils.set_random_seed(1)
    logits = _run_logits(efficientnet_lite.efficientnet_lite2(), squares).astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(_run(lite.build(), squares), expected, rtol=1e-3)
    assert (inception.name, inception.layer, inception.stand_in) == ("inception_v3-predictions", "predictions", "")
    assert (lite.name, lite.stand_in) == ("efficientnet_lite2-predictions-random", "a trained classifier")


def test_predictions_of_vgg_take_its_fully_connected_layers(tmp_path):
    keras.applications.VGG16(include_top=False, weights=None).save_weights(tmp_path / "notop.weights.h5")
    path = str(tmp_path / "notop.weights.h5")

    with pytest.raises(WorkspaceError, match="vgg16's predictions; the probabilities take a file with the fully"):
        cnns.vgg("vgg16", "fc7", path, 0, 1, layers.PREDICTIONS).build()


def test_random_weights_follow_the_seed_and_are_named():
    pictures = _noise(224, 1)
    first, same, other = (_run(cnns.vgg("vgg16", "pool5_avg", "random", s, 1).build(), pictures) for s in (1, 1, 2))

    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    cnn = cnns.inception_v3("random", 3, 10)
    assert (cnn.name, cnn.weights, cnn.stand_in) == ("inception_v3-10crop-random", "random, seed 3", "Inception v3")


@pytest.mark.parametrize(
    "described",
    [
        cnns.vgg("vgg16", "pool5_avg", "random", 1, 1),
        cnns.efficientnet_lite2("random", 1, 1),
        cnns.efficientnet_lite2("random", 1, 1, layers.stages(3), size=128),
    ],
)
def test_a_cnn_is_the_same_read_back_from_its_file(tmp_path, described):
    model, pictures = described.build(), _noise(described.input_size, 1)

    write_cnn(tmp_path, model)

    (tmp_path / features.EXTRACTOR_JSON).write_text(
        json.dumps({"name": "mine", "model": described.model_name, "stand_in": "", "crops": 1})
    )
    read_back = read_cnn(tmp_path)
    assert read_back.input_size == described.input_size
    np.testing.assert_allclose(read_back.features(pictures.astype(np.uint8)[None]), _run(model, pictures), rtol=1e-4)


def test_weights_of_another_network_are_refused_in_one_sentence(tmp_path):
    keras.applications.VGG16(include_top=False, weights=None).save_weights(tmp_path / "notop.weights.h5")
    (tmp_path / "text.h5").write_text("no weights")
    path = str(tmp_path / "notop.weights.h5")

    with pytest.raises(WorkspaceError, match=r"does not fit vgg16's fc7; .* --vgg_layer=pool5_avg"):
        cnns.vgg("vgg16", "fc7", path, 0, 1).build()
    with pytest.raises(WorkspaceError, match="does not fit vgg19's pool5_avg"):
        cnns.vgg("vgg19", "pool5_avg", path, 0, 1).build()
    with pytest.raises(WorkspaceError, match="does not fit inception_v3"):
        cnns.inception_v3(path, 0, 1).build()
    with pytest.raises(WorkspaceError, match=r"text\.h5 does not fit"):
        cnns.vgg("vgg16", "pool5_avg", str(tmp_path / "text.h5"), 0, 1).build()
    with pytest.raises(WorkspaceError, match="does not hold EfficientNet-Lite2's weights"):
        cnns.efficientnet_lite2(str(tmp_path / "text.h5"), 0, 1).build()
    with pytest.raises(WorkspaceError, match=r"none\.h5 does not exist"):
        cnns.vgg("vgg16", "fc7", str(tmp_path / "none.h5"), 0, 1)


def test_weights_that_cannot_be_downloaded_are_asked_for(monkeypatch, tmp_path):
    def offline(name, origin, **_):
        raise Exception(f"URL fetch failure on {origin}: None -- no network")  # as keras.utils.get_file does

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", offline)

    with pytest.raises(WorkspaceError, match=r"~/\.keras/models/vgg16_weights_tf_dim_ordering_tf_kernels\.h5"):
        cnns.vgg("vgg16", "fc7", "imagenet", 0, 1).build()


def test_efficientnet_lite2_has_the_published_number_of_weights():
    model = efficientnet_lite.efficientnet_lite2()

    # 6.09 million without batch norm's statistics: github.com/tensorflow/tpu, models/official/efficientnet/lite.
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 6_092_072


def test_dogs_are_dogs_to_efficientnet_lite2(shared):
    model = efficientnet_lite.efficientnet_lite2()
    efficientnet_lite.load_weights(model, shared / "weights/efficientnet_lite2_imagenet.npz")
    captions = pd.read_csv(
        shared / "data/flickr8k/Flickr8k_text/Flickr8k.token.txt", sep="\t", names=["id", "caption"], quoting=3
    )
    captions["image"] = captions["id"].str.split("#").str[0]
    # Every one of the five sentences says "dog".
    named = captions["caption"].str.contains(r"\bdogs?\b").groupby(captions["image"]).sum()
    images = named[named == 5].index[:16]

    pictures = [
        files.read_crops(str(shared / "data/flickr8k/Flicker8k_Dataset" / image), efficientnet_lite.INPUT_SIZE, 1)
        for image in images
    ]
    classes = np.argmax(_run_logits(model, np.concatenate(pictures)), axis=1)

    assert sum(int(label) in _DOGS for label in classes) >= 12


@pytest.mark.parametrize("name", ["efficientnet_lite2_first_1000", "vgg16_pool5_avg"])
def test_features_agree_with_those_computed_elsewhere_from_the_same_photographs(shared, name):
    cnn = {
        "efficientnet_lite2_first_1000": lambda: cnns.efficientnet_lite2(
            str(shared / "weights/efficientnet_lite2_imagenet.npz"), 0, 1
        ),
        "vgg16_pool5_avg": lambda: cnns.vgg(
            "vgg16", "pool5_avg", str(shared / "weights/vgg16_imagenet_notop.weights.h5"), 0, 1
        ),
    }[name]()
    images = (shared / "features/flickr8k/image_ids.txt").read_text().splitlines()[:24]
    expected = np.load(shared / f"features/flickr8k/{name}.npy", mmap_mode="r")[:24].astype(np.float32)

    pictures = [
        files.read_crops(str(shared / "data/flickr8k/Flicker8k_Dataset" / image), cnn.input_size, 1) for image in images
    ]
    rows = _run(cnn.build(), np.concatenate(pictures).astype(np.float32))

    cosines = np.sum(rows * expected, axis=1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(expected, axis=1)
    # Theirs were decoded by TensorFlow's quick inverse DCT and ours by Pillow's accurate one: the pixels differ by up
    # to 5 of 255.
    assert cosines.min() > 0.99
    assert cosines.mean() > 0.998


def _run_logits(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(pictures.astype(np.float32), training=False)["logits"])


class _MeanColour(tf.Module):
    """The smallest image module: pictures in 0 ... 1 to their mean red, green and blue."""

    @tf.function(input_signature=[tf.TensorSpec([None, 24, 24, 3], tf.float32)])
    def __call__(self, images):
        return tf.reduce_mean(images, axis=[1, 2])

    @tf.function(input_signature=[tf.TensorSpec([None, 24, 24, 3], tf.float32)])
    def named(self, images):
        return {"default": tf.reduce_mean(images, axis=[1, 2])}


@pytest.mark.parametrize("kind", ["callable", "signature"])
def test_a_hub_module_is_a_cnn(tmp_path, kind):
    module = _MeanColour()
    if kind == "signature":
        bare = tf.Module()
        bare.named = module.named
        tf.saved_model.save(bare, str(tmp_path / "module"), signatures={"default": module.named})
    else:
        tf.saved_model.save(module, str(tmp_path / "module"), signatures=module.__call__)
    pictures = _noise(24)

    cnn = cnns.hub(str(tmp_path / "module"), 0, 1)

    assert cnn.input_size == 24
    assert len(cnn.weights_sha256) == 64
    # The second as the worker of a pipeline gets it.
    for build in (cnn.build, pickle.loads(pickle.dumps(cnn.build))):
        np.testing.assert_allclose(_run(build(), pictures), pictures.mean(axis=(1, 2)) / 255, rtol=1e-4)


def test_a_hub_module_that_cannot_be_had_is_refused(tmp_path):
    with pytest.raises(WorkspaceError, match="is not a folder"):
        cnns.hub(str(tmp_path / "none"), 0, 1)
    with pytest.raises(WorkspaceError, match="can't be loaded"):
        hub_module.hub_model(str(tmp_path), 0)
