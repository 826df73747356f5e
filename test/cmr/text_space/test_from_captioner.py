"""A captioner's W_img in retrieval: from folder or file, never of other features, never of evaluated images unsaid."""

import dataclasses
import re

import keras
import numpy as np
import pytest

from cmr.captioner import files, model
from cmr.captioner.files import Captioner
from cmr.config import CaptionerConfig
from cmr.data import input_names
from cmr.errors import ConfigError, WorkspaceError
from cmr.text_space import from_captioner
from cmr.workspace.fingerprints import Fingerprint

NAME = "scene_cnn-layout"


@pytest.fixture(scope="module")
def layout(scenes_inputs):
    return scenes_inputs.features[input_names.IMAGE_FEATURES]


@pytest.fixture(scope="module")
def trained(scenes_inputs, layout):
    """A captioner of the tiny workspace's training split."""
    return Captioner(
        model=model.captioner_model(CaptionerConfig(14, len(scenes_inputs.vocabulary), 5, 4)),
        vocabulary=scenes_inputs.vocabulary,
        train_image_ids=tuple(scenes_inputs.split("train").image_ids),
        dataset="scenes",
        features=NAME,
        checksums={},
        validation_perplexity=7.5,
        settings={},
        seed=0,
        fingerprint=scenes_inputs.fingerprints[NAME],
    )


def text_space_of(folder, captioner, **changed):
    files.write_captioner(folder, dataclasses.replace(captioner, **changed))
    return from_captioner.read_text_space(folder)


def test_a_folder_gives_its_kernel_and_says_what_it_is(trained, tmp_path):
    text_space = text_space_of(tmp_path, trained)

    np.testing.assert_array_equal(text_space.kernel, trained.text_space)
    assert text_space.description == (
        "a captioner trained on scenes with the features scene_cnn-layout, validation perplexity 7.50"
    )


def test_a_keras_file_gives_its_kernel(trained, tmp_path):
    files.write_model(tmp_path, trained.model)

    text_space = from_captioner.read_text_space(tmp_path / "captioner.keras")

    np.testing.assert_array_equal(text_space.kernel, trained.text_space)


def test_an_npz_file_gives_im2txts_variable(tmp_path):
    kernel = np.random.default_rng(0).normal(size=(14, 5)).astype(np.float32)
    np.savez(tmp_path / "im2txt.npz", **{"image_embedding/weights": kernel})

    np.testing.assert_array_equal(from_captioner.read_text_space(tmp_path / "im2txt.npz").kernel, kernel)


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(WorkspaceError, match=r"--captioner=\S*nowhere does not exist; give a captioner's folder"):
        from_captioner.read_text_space(tmp_path / "nowhere")


def write_npz_of_another_entry(path):
    np.savez(path, something=np.zeros((2, 2)))


def write_keras_without_the_layer(path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(path)


def write_npz_of_text(path):
    np.savez(path, **{"image_embedding/weights": np.array(["text"])})


def write_cut_npz(path):
    path.write_bytes(b"PK\x03\x04 cut")


def write_text(path):
    path.write_text("not a model")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.npz", write_npz_of_another_entry),
        ("b.npz", write_npz_of_text),
        ("c.npz", write_cut_npz),
        ("a.keras", write_keras_without_the_layer),
        ("b.keras", write_text),
    ],
)
def test_a_file_without_such_a_kernel_is_refused(tmp_path, name, write):
    write(tmp_path / name)

    with pytest.raises(WorkspaceError, match="holds no kernel of a layer image_embedding"):
        from_captioner.read_text_space(tmp_path / name)


# Of features that have nothing to do with the captioner's.
ANOTHER = Fingerprint("0" * 64)


def check(text_space, layout, found=None, dataset="scenes"):
    from_captioner.check_features(text_space, dataset, layout, {layout.name: found or text_space.fingerprint})


def test_a_captioner_of_these_very_features_is_taken(trained, layout, tmp_path):
    check(text_space_of(tmp_path, trained), layout)


def test_a_captioner_of_features_of_another_name_is_refused_with_both_mends(trained, layout, tmp_path):
    text_space = text_space_of(tmp_path, trained, features="inception_v3")

    with pytest.raises(
        ConfigError,
        match=r"was trained on the features inception_v3, not on scene_cnn-layout; give --image_features=inception_v3, "
        r"or train a captioner on them \(cmr.pretrain --image_features=scene_cnn-layout",
    ):
        check(text_space, layout)


def test_a_captioner_of_another_dimension_is_refused(layout, tmp_path):
    np.savez(tmp_path / "im2txt.npz", **{"image_embedding/weights": np.zeros((2048, 512))})

    with pytest.raises(ConfigError, match=r"is \[2048, 512\], but the image features \S* have 14 values"):
        check(from_captioner.read_text_space(tmp_path / "im2txt.npz"), layout)


def test_a_captioner_of_features_that_changed_since_is_refused(trained, layout, tmp_path):
    with pytest.raises(ConfigError, match="features scene_cnn-layout that have since been extracted anew"):
        check(text_space_of(tmp_path, trained), layout, ANOTHER)


def test_a_captioner_of_features_that_differ_by_rounding_is_taken(trained, layout, tmp_path):
    of_another_machine = dataclasses.replace(trained.fingerprint, sha256="0" * 64)

    check(text_space_of(tmp_path, trained), layout, of_another_machine)


def test_a_captioner_of_another_data_set_has_other_images_features(trained, layout, tmp_path):
    check(text_space_of(tmp_path, trained, dataset="mscoco"), layout, ANOTHER)


# The leak check.


def test_a_captioner_of_the_training_split_leaks_nothing(trained, scenes_inputs, tmp_path):
    text_space = text_space_of(tmp_path, trained)

    assert from_captioner.leak(text_space, "scenes", scenes_inputs.captions, allow_leak=False) == ""


@pytest.mark.parametrize(
    ("leaked", "said"),
    [
        (("test3.png",), "1 of the test split"),
        (("val0.png", "val1.png"), "2 of the val split"),
        (("val0.png", "test1.png", "test2.png"), "1 of the val split and 2 of the test split"),
    ],
)
def test_a_captioner_that_saw_evaluated_images_is_refused_or_said(trained, scenes_inputs, tmp_path, leaked, said):
    text_space = text_space_of(tmp_path, trained, train_image_ids=(*trained.train_image_ids, *leaked))

    with pytest.raises(
        ConfigError, match=rf"{said}, such as {re.escape(leaked[0])}; train one .* or give --allow_leak"
    ):
        from_captioner.leak(text_space, "scenes", scenes_inputs.captions, allow_leak=False)
    sentence = from_captioner.leak(text_space, "scenes", scenes_inputs.captions, allow_leak=True)
    assert sentence == f"LEAK (--allow_leak): the captioner learnt from evaluated images: {said}."


def test_allow_leak_says_nothing_where_nothing_leaks(trained, scenes_inputs, tmp_path):
    text_space = text_space_of(tmp_path, trained)

    assert from_captioner.leak(text_space, "scenes", scenes_inputs.captions, allow_leak=True) == ""


def test_a_captioner_that_does_not_say_its_images_is_taken_and_the_doubt_said(scenes_inputs, tmp_path):
    np.savez(tmp_path / "im2txt.npz", **{"image_embedding/weights": np.zeros((14, 5))})
    text_space = from_captioner.read_text_space(tmp_path / "im2txt.npz")

    assert "can't be ruled out" in from_captioner.leak(text_space, "scenes", scenes_inputs.captions, allow_leak=False)


def test_a_captioner_of_unknown_images_of_this_data_set_is_refused_or_said(trained, scenes_inputs, tmp_path):
    text_space = text_space_of(tmp_path, trained, train_image_ids=())

    with pytest.raises(ConfigError, match=r"was trained on scenes, but it is not known which images.*--allow_leak"):
        from_captioner.leak(text_space, "scenes", scenes_inputs.captions, allow_leak=False)
    sentence = from_captioner.leak(text_space, "scenes", scenes_inputs.captions, allow_leak=True)
    assert sentence.startswith("POSSIBLE LEAK (--allow_leak): It is not known")
