"""--image_embedding: four kinds of X_txt, the default, and what can't be asked for."""

import types

import numpy as np
import pytest

from cmr.captioner import files
from cmr.captioner.files import Captioner
from cmr.captioner.model import captioner_model
from cmr.config import CaptionerConfig, ModelConfig
from cmr.data import input_names
from cmr.data.inputs import read_inputs
from cmr.errors import ConfigError
from cmr.retrieval.model import retrieval_model
from cmr.text_space import choice
from cmr.text_space.choice import TextSpace
from cmr.workspace.fingerprints import Fingerprint

NAME = "scene_cnn-layout"


def flags_of(**changed):
    base = {
        "image_embedding": None,
        "captioner": "",
        "allow_leak": False,
        "text_space_dim": 7,
        "train_text_space": False,
        "seed": 3,
        "dataset": "scenes",
        "train_images": 0,
    }
    return types.SimpleNamespace(**{**base, **changed})


def add_captioner(workspace, inputs, feature_dim=14, **changed):
    kept = Captioner(
        **{
            "model": captioner_model(CaptionerConfig(feature_dim, len(inputs.vocabulary), 5, 4)),
            "vocabulary": inputs.vocabulary,
            "train_image_ids": tuple(inputs.split("train").image_ids),
            "dataset": "scenes",
            "features": NAME,
            "checksums": {},
            "fingerprint": inputs.fingerprints[NAME],
            "validation_perplexity": 7.5,
            "settings": {},
            "seed": 0,
            **changed,
        }
    )
    files.write_captioner(workspace.captioner_dir, kept)
    return kept


@pytest.fixture
def inputs(tiny_workspace):
    return read_inputs(tiny_workspace, "", NAME)


def choose(workspace, inputs, **changed):
    return choice.from_flags(flags_of(**changed), workspace, inputs, NAME)


def test_the_default_is_the_workspaces_captioner(tiny_workspace, inputs):
    kept = add_captioner(tiny_workspace, inputs)

    chosen = choose(tiny_workspace, inputs)

    np.testing.assert_array_equal(chosen.kernel, kept.text_space)
    assert chosen.origin == choice.kernel_checksum(kept.text_space)
    assert chosen.captioner.startswith("a captioner trained on scenes")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"features": "inception_v3"}, f"was trained on the features inception_v3, not on {NAME}"),
        ({"fingerprint": Fingerprint("0" * 64)}, f"features {NAME} that have since been extracted anew"),
        ({"feature_dim": 9}, r"is \[9, 5\], but the image features \S* have 14 values"),
        ({"train_image_ids": ("train0.png", "test1.png")}, "learnt from images that retrieval is measured on"),
    ],
)
@pytest.mark.parametrize("asked", [{}, {"image_embedding": "captioner"}], ids=["by default", "asked for"])
def test_a_captioner_of_other_features_or_of_evaluated_images_is_not_chosen(
    tiny_workspace, inputs, changed, said, asked
):
    add_captioner(tiny_workspace, inputs, **changed)

    with pytest.raises(ConfigError, match=said):
        choose(tiny_workspace, inputs, **asked)


def test_a_captioner_that_is_named_is_checked_too(tiny_workspace, inputs, tmp_path):
    np.savez(tmp_path / "im2txt.npz", **{"image_embedding/weights": np.zeros((9, 5))})

    with pytest.raises(ConfigError, match=r"is \[9, 5\], but the image features"):
        choose(tiny_workspace, inputs, captioner=str(tmp_path / "im2txt.npz"))


def test_without_a_captioner_the_default_is_the_linear_map_and_one_line_says_so(tiny_workspace, inputs, capsys):
    chosen = choose(tiny_workspace, inputs)

    assert (chosen.origin, chosen.dim) == ("linear", 7)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"no captioner in {tiny_workspace.captioner_dir}: W_img is a linear map")


def test_a_captioner_that_is_still_trained_is_none(tiny_workspace, inputs):
    add_captioner(tiny_workspace, inputs)
    (tiny_workspace.captioner_dir / files.CAPTIONER_JSON).unlink()

    assert choose(tiny_workspace, inputs).origin == "linear"


def test_asking_for_a_captioner_where_there_is_none_is_refused(tiny_workspace, inputs):
    with pytest.raises(ConfigError, match=r"--image_embedding=captioner needs a captioner, .* run cmr\.pretrain"):
        choose(tiny_workspace, inputs, image_embedding="captioner")


def test_raw_features_have_no_w_img(tiny_workspace, inputs):
    chosen = choose(tiny_workspace, inputs, image_embedding="raw")

    assert (chosen.origin, chosen.kernel, chosen.dim) == ("raw", None, 0)


def test_a_random_projection_is_of_the_seed_and_keeps_lengths_on_average(tiny_workspace, inputs):
    chosen, again, other = (
        choose(tiny_workspace, inputs, image_embedding="random", text_space_dim=2000, seed=seed) for seed in (3, 3, 4)
    )

    assert chosen.origin == "random, seed 3"
    np.testing.assert_array_equal(chosen.kernel, again.kernel)
    assert not np.array_equal(chosen.kernel, other.kernel)
    np.testing.assert_allclose(np.linalg.norm(chosen.kernel, axis=1), 1.0, atol=0.1)


def test_the_checksum_is_that_of_the_values():
    kernel = np.random.default_rng(0).normal(size=(14, 5)).astype(np.float32)

    assert choice.kernel_checksum(kernel) == choice.kernel_checksum(kernel.astype(np.float64))
    assert choice.kernel_checksum(kernel) != choice.kernel_checksum(kernel.T)
    assert choice.kernel_checksum(kernel) != choice.kernel_checksum(kernel + 1e-3)


def test_the_linear_map_is_there_beside_a_captioner_when_asked_for(tiny_workspace, inputs):
    add_captioner(tiny_workspace, inputs)

    assert choose(tiny_workspace, inputs, image_embedding="linear").origin == "linear"


@pytest.mark.parametrize("kind", ["linear", "raw", "random"])
def test_another_kind_takes_no_captioner(tiny_workspace, inputs, kind):
    with pytest.raises(ConfigError, match=f"--image_embedding={kind} takes no captioner; leave --captioner out"):
        choose(tiny_workspace, inputs, image_embedding=kind, captioner="somewhere")


def test_raw_features_have_no_w_img_to_train(tiny_workspace, inputs):
    with pytest.raises(ConfigError, match="has no W_img to train"):
        choose(tiny_workspace, inputs, image_embedding="raw", train_text_space=True)


def test_a_model_that_does_not_read_x_img_needs_none_of_it(tiny_workspace, inputs):
    assert choice.from_flags(flags_of(), tiny_workspace, inputs, "") == TextSpace("")


@pytest.mark.parametrize("name", ["single", "fusion"])
def test_with_raw_features_x_txt_is_x_img(name):
    settings = ModelConfig(
        model=name,
        vgg_dim=3 if name == "fusion" else 0,
        image_dim=6,
        vocabulary_size=9,
        word_dim=3,
        gru_units=4,
        text_space_dim=0,
        normalize_features=False,
        image_norm_in_loss=False,
    )
    encoder = retrieval_model(settings).get_layer("image_encoder")
    features = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    batch = {input_names.IMAGE_FEATURES: features}
    if name == "fusion":
        batch[input_names.VGG_FEATURES] = np.zeros((2, 3), np.float32)

    embedding = encoder(batch).numpy()

    expected = features.astype(np.float64) @ encoder.get_layer("text_fuse").kernel.numpy()
    np.testing.assert_allclose(embedding, expected, rtol=1e-5)
    assert not any("image_embedding" in weight.path for weight in encoder.weights)
