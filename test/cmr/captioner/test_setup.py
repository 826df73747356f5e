"""The flags of cmr.pretrain: im2txt's settings by optimizer and phase, and second phases that can't begin."""

import dataclasses
import types

import keras
import numpy as np
import pytest
import tiny_workspaces

from cmr.captioner import files
from cmr.captioner.files import Captioner
from cmr.captioner.looking import Looking
from cmr.captioner.setup import CaptionerSetup
from cmr.data import whitening
from cmr.errors import ConfigError, WorkspaceError
from cmr.pictures import cnn
from cmr.workspace import captions, features

SIZE = 8


def flags_of(workspace, **changed):
    base = {
        "workspace_dir": str(workspace.root),
        "dataset": "scenes",
        "image_features": "tiny",
        "finetune_cnn": False,
        "self_critical": False,
        "samples_per_image": 5,
        "phase_1_captioner": "",
        "captioner_dir": "",
        "text_space_dim": 5,
        "lstm_units": 4,
        "caption_dropout": 0.3,
        "optimizer": "adam",
        "pretrain_learning_rate": None,
        "pretrain_batch_size": 32,
        "pretrain_clip_norm": 5.0,
        "pretrain_epochs": 1,
        "patience": 1,
        "checkpoint_steps": 10,
        "max_pixels": 200_000_000,
        "seed": 0,
        "feature_norm": 0.0,
        "lstm_forget_bias": 1.0,
        "feature_whitening": 0.0,
        "pretrain_decay": "none",
        "label_smoothing": 0.0,
        "image_model": "scene_cnn",
        "hub_module": "",
        "crops": "1",
    }
    return types.SimpleNamespace(**{**base, **changed})


@pytest.fixture
def workspace(tiny_workspace):
    """The tiny workspace with features of a CNN that stands beside them."""
    ids = features.read_features(tiny_workspace.features_dir("scene_cnn-layout")).image_ids
    random = np.random.default_rng(0)
    tiny_workspaces.write_features(
        tiny_workspace, "tiny", list(ids), random.normal(size=(len(ids), 4)).astype(np.float32)
    )
    folder = tiny_workspace.features_dir("tiny")
    features.write_description(folder, ids, {"name": "tiny", "model": "tiny", "stand_in": "", "crops": 1})
    picture = keras.Input((SIZE, SIZE, 3))
    maps = keras.layers.Conv2D(4, 3)(picture)
    cnn.write_cnn(folder, keras.Model(picture, keras.layers.GlobalAveragePooling2D()(maps)))
    return tiny_workspace


def finish_first_phase(workspace, **changed):
    setup = CaptionerSetup.from_flags(flags_of(workspace, **changed))
    captioner = setup.finished(setup.model(), dataclasses.asdict(Looking(9.0, 9.5, 2, 12)))
    files.write_captioner(setup.path, captioner)
    return captioner


@pytest.mark.parametrize(
    ("optimizer", "finetune_cnn", "expected"),
    [
        ("adam", False, (4e-3, 0)),
        ("adam", True, (1e-5, 0)),
        ("sgd", False, (2.0, 8)),
        ("sgd", True, (5e-4, 0)),
    ],
)
def test_rate_and_halving_are_those_of_the_optimizer_and_the_phase(workspace, optimizer, finetune_cnn, expected):
    finish_first_phase(workspace)

    setup = CaptionerSetup.from_flags(flags_of(workspace, optimizer=optimizer, finetune_cnn=finetune_cnn))

    train = setup.run_config.train
    assert (train.learning_rate, train.halve_every) == expected


def test_a_rate_that_is_given_is_taken(workspace):
    setup = CaptionerSetup.from_flags(flags_of(workspace, optimizer="sgd", pretrain_learning_rate=0.5))

    assert setup.run_config.train.learning_rate == 0.5


def test_the_second_phase_begins_with_the_first_ones_captioner_and_writes_beside_it(workspace):
    first = finish_first_phase(workspace)

    setup = CaptionerSetup.from_flags(flags_of(workspace, finetune_cnn=True))

    assert setup.path == workspace.dataset_dir / "captioner_finetuned"
    assert setup.run_config.begins_with == first.checksum()
    for value, expected in zip(setup.model().get_weights(), first.model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    assert setup.trained_cnn.encoder.model.trainable_variables


def test_the_tuned_cnns_features_have_a_name_of_their_own(workspace):
    finish_first_phase(workspace)
    setup = CaptionerSetup.from_flags(flags_of(workspace, finetune_cnn=True))

    captioner = setup.finished(setup.model(), dataclasses.asdict(Looking(8.0, 9.5, 2, 12)))

    assert captioner.features == "tiny-finetuned"
    assert captioner.fingerprint is None


def test_a_second_phase_remembers_the_first_ones_images(workspace):
    first = finish_first_phase(workspace)
    files.write_captioner(
        workspace.captioner_dir,
        Captioner(**{**first.__dict__, "train_image_ids": ("elsewhere.jpg",)}),
    )
    setup = CaptionerSetup.from_flags(flags_of(workspace, finetune_cnn=True))

    ids = setup.finished(setup.model(), dataclasses.asdict(Looking(8.0, 9.5, 2, 12))).train_image_ids

    assert {"elsewhere.jpg", "train0.png"} <= set(ids)


def test_a_second_phase_without_a_first_is_refused(workspace):
    with pytest.raises(WorkspaceError, match=r"holds no finished captioner .* train one with cmr\.pretrain"):
        CaptionerSetup.from_flags(flags_of(workspace, finetune_cnn=True))


def test_a_second_phase_on_other_features_is_refused(workspace):
    finish_first_phase(workspace, image_features="scene_cnn-layout")

    with pytest.raises(ConfigError, match="was trained on the features scene_cnn-layout of scenes, not on tiny"):
        CaptionerSetup.from_flags(flags_of(workspace, finetune_cnn=True))


def test_a_second_phase_through_ten_crops_is_refused(workspace):
    finish_first_phase(workspace)
    folder = workspace.features_dir("tiny")
    ids = features.read_features(folder).image_ids
    features.write_description(folder, ids, {"name": "tiny", "model": "tiny", "stand_in": "", "crops": 10})

    with pytest.raises(ConfigError, match="means of 10 crops, through which no CNN is trained"):
        CaptionerSetup.from_flags(flags_of(workspace, finetune_cnn=True))


def test_a_second_phase_without_the_cnn_is_refused(workspace):
    finish_first_phase(workspace)
    (workspace.features_dir("tiny") / cnn.CNN_KERAS).unlink()

    with pytest.raises(WorkspaceError, match=r"cnn\.keras is missing; run data_prep\.extract again"):
        CaptionerSetup.from_flags(flags_of(workspace, finetune_cnn=True))


def test_self_critical_training_begins_with_the_first_ones_captioner_and_leaves_the_cnn(workspace):
    first = finish_first_phase(workspace)

    setup = CaptionerSetup.from_flags(flags_of(workspace, self_critical=True, feature_whitening=1.0))
    captioner = setup.finished(setup.model(), {**dataclasses.asdict(Looking(8.0, 9.5, 2, 12)), "cider": 40.0})

    assert setup.path == workspace.dataset_dir / "captioner_self_critical"
    assert setup.run_config.begins_with == first.checksum() == captioner.checksum()
    assert setup.trained_cnn is None
    assert (setup.run_config.train.samples_per_image, setup.run_config.train.learning_rate) == (5, 1e-4)
    assert (captioner.features, captioner.looking) == ("tiny", Looking(8.0, 9.5, 2, 12))


def test_the_seed_decides_what_a_second_phase_drops(workspace):
    first = finish_first_phase(workspace)
    drawn = []
    for noise in (1, 2):
        keras.utils.set_random_seed(noise)
        model = CaptionerSetup.from_flags(flags_of(workspace, self_critical=True)).model()
        drawn.append([np.asarray(state) for state in model.non_trainable_variables])
        for mine, before in zip(model.get_weights(), first.model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, before)

    assert drawn[0]
    for one, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one, other)


def test_word_by_word_no_sentences_are_drawn(workspace):
    assert CaptionerSetup.from_flags(flags_of(workspace)).run_config.train.samples_per_image == 0


def test_a_first_phase_takes_no_captioner_to_begin_with(workspace):
    with pytest.raises(ConfigError, match="give one of them too, or leave it out"):
        CaptionerSetup.from_flags(flags_of(workspace, phase_1_captioner="somewhere"))


@pytest.mark.parametrize("norm", [0.5, 1.0, 3.0])
def test_features_are_scaled_to_about_the_norm_by_a_power_of_two(workspace, norm):
    setup = CaptionerSetup.from_flags(flags_of(workspace, feature_norm=norm))

    scale = setup.run_config.model.feature_scale
    train = setup.train_split()
    rows = train.features["image_features"].take(np.arange(train.num_images))
    assert np.log2(scale) == round(np.log2(scale))
    assert norm / 1.5 < scale * np.sqrt(np.mean(np.sum(rows**2, axis=1))) < norm * 1.5


def test_a_captioner_begins_with_the_whitening_of_its_training_images(workspace):
    setup = CaptionerSetup.from_flags(flags_of(workspace, feature_whitening=0.5, feature_norm=1.0))

    train = setup.train_split()
    moments = whitening.second_moments(train.features["image_features"], train.num_images)
    expected = whitening.whitening_map(moments, 0.5)
    np.testing.assert_array_equal(setup.model().get_layer("image_whitening").kernel, expected)
    assert setup.run_config.train.feature_whitening == 0.5


def test_a_captioner_learns_from_the_split_for_captioners_where_there_is_one(workspace):
    table = captions.read_captions(workspace.captions_csv)
    moved = table["image_id"].isin(["train0.png", "train1.png", "train2.png"])
    captions.write_captions(workspace.captions_csv, table.assign(split=table["split"].mask(moved, "captioning")))

    setup = CaptionerSetup.from_flags(flags_of(workspace, pretrain_batch_size=2))

    setup.check_training()
    learnt = setup.finished(setup.model(), dataclasses.asdict(Looking(9.0, 9.5, 2, 12))).train_image_ids
    assert set(setup.train_split().image_ids) == {"train0.png", "train1.png", "train2.png"} == set(learnt)
    assert not set(learnt) & set(setup.inputs.split("train").image_ids)


def test_a_training_that_an_older_version_began_says_its_perplexity_alone(workspace):
    setup = CaptionerSetup.from_flags(flags_of(workspace))

    captioner = setup.finished(setup.model(), {"perplexity": 9.0})

    assert (captioner.validation_perplexity, captioner.looking) == (9.0, None)
