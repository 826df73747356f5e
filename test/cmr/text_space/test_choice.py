"""--image_embedding: four kinds of X_txt, the default, and what can't be asked for."""

import types

import numpy as np
import pytest

from cmr.captioner import files
from cmr.captioner.files import Captioner
from cmr.captioner.model import CaptionerConfig, captioner_model
from cmr.config import ModelConfig
from cmr.data import input_names
from cmr.errors import ConfigError
from cmr.retrieval.model import retrieval_model
from cmr.text_space import choice, linear
from cmr.text_space.choice import TextSpace

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
    }
    return types.SimpleNamespace(**{**base, **changed})


def add_captioner(workspace, found, feature_dim=14, **changed):
    kept = Captioner(
        **{
            "model": captioner_model(CaptionerConfig(feature_dim, len(found.vocabulary), 5, 4)),
            "vocabulary": found.vocabulary,
            "train_image_ids": tuple(found.split("train").image_ids),
            "dataset": "scenes",
            "features": NAME,
            "checksums": {files.FEATURES: found.checksums[NAME]},
            "validation_perplexity": 7.5,
            "settings": {},
            "seed": 0,
            **changed,
        }
    )
    files.write_captioner(workspace.captioner_dir, kept)
    return kept


@pytest.fixture
def found(tiny_workspace):
    from cmr.data import inputs

    return inputs.read_inputs(tiny_workspace, "", NAME)


def choose(workspace, found, **changed):
    return choice.from_flags(flags_of(**changed), workspace, found, NAME)


def test_the_default_is_the_workspaces_captioner(tiny_workspace, found):
    kept = add_captioner(tiny_workspace, found)

    chosen = choose(tiny_workspace, found)

    np.testing.assert_array_equal(chosen.kernel, kept.image_embedding)
    assert chosen.origin == linear.kernel_checksum(kept.image_embedding)
    assert chosen.captioner.startswith("a captioner trained on scenes")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"features": "inception_v3"}, f"was trained on the features inception_v3, not on {NAME}"),
        ({"checksums": {files.FEATURES: "another"}}, f"features {NAME} that have since been extracted anew"),
        ({"feature_dim": 9}, r"is \[9, 5\], but the image features \S* have 14 values"),
        ({"train_image_ids": ("train0.png", "test1.png")}, "learnt from images that retrieval is measured on"),
    ],
)
@pytest.mark.parametrize("asked", [{}, {"image_embedding": "captioner"}], ids=["by default", "asked for"])
def test_a_captioner_of_other_features_or_of_evaluated_images_is_not_chosen(
    tiny_workspace, found, changed, said, asked
):
    add_captioner(tiny_workspace, found, **changed)

    with pytest.raises(ConfigError, match=said):
        choose(tiny_workspace, found, **asked)


def test_a_captioner_that_is_named_is_checked_too(tiny_workspace, found, tmp_path):
    np.savez(tmp_path / "im2txt.npz", **{"image_embedding/weights": np.zeros((9, 5))})

    with pytest.raises(ConfigError, match=r"is \[9, 5\], but the image features"):
        choose(tiny_workspace, found, captioner=str(tmp_path / "im2txt.npz"))


def test_without_a_captioner_the_default_is_the_linear_map_and_one_line_says_so(tiny_workspace, found, capsys):
    chosen = choose(tiny_workspace, found)

    assert (chosen.origin, chosen.dim) == ("linear", 7)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"no captioner in {tiny_workspace.captioner_dir}: W_img is a linear map")


def test_a_captioner_that_is_still_trained_is_none(tiny_workspace, found):
    add_captioner(tiny_workspace, found)
    (tiny_workspace.captioner_dir / files.CAPTIONER_JSON).unlink()

    assert choose(tiny_workspace, found).origin == "linear"


def test_asking_for_a_captioner_where_there_is_none_is_refused(tiny_workspace, found):
    with pytest.raises(ConfigError, match=r"--image_embedding=captioner needs a captioner, .* run cmr\.pretrain"):
        choose(tiny_workspace, found, image_embedding="captioner")


def test_raw_features_have_no_w_img(tiny_workspace, found):
    chosen = choose(tiny_workspace, found, image_embedding="raw")

    assert (chosen.origin, chosen.kernel, chosen.dim) == ("raw", None, 0)


def test_a_random_projection_is_of_the_seed_and_keeps_lengths_on_average(tiny_workspace, found):
    chosen, again, other = (
        choose(tiny_workspace, found, image_embedding="random", text_space_dim=2000, seed=seed) for seed in (3, 3, 4)
    )

    assert chosen.origin == "random, seed 3"
    np.testing.assert_array_equal(chosen.kernel, again.kernel)
    assert not np.array_equal(chosen.kernel, other.kernel)
    np.testing.assert_allclose(np.linalg.norm(chosen.kernel, axis=1), 1.0, atol=0.1)


def test_the_linear_map_is_there_beside_a_captioner_when_asked_for(tiny_workspace, found):
    add_captioner(tiny_workspace, found)

    assert choose(tiny_workspace, found, image_embedding="linear").origin == "linear"


@pytest.mark.parametrize("kind", ["linear", "raw", "random"])
def test_another_kind_takes_no_captioner(tiny_workspace, found, kind):
    with pytest.raises(ConfigError, match=f"--image_embedding={kind} takes no captioner; leave --captioner out"):
        choose(tiny_workspace, found, image_embedding=kind, captioner="somewhere")


def test_raw_features_have_no_w_img_to_train(tiny_workspace, found):
    with pytest.raises(ConfigError, match="has no W_img to train"):
        choose(tiny_workspace, found, image_embedding="raw", train_text_space=True)


def test_a_model_that_does_not_read_x_img_needs_none_of_it(tiny_workspace, found):
    assert choice.from_flags(flags_of(), tiny_workspace, found, "") == TextSpace("")


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
