"""A second phase: what it may go on from, that it trains the blocks asked for, and that stopping changes nothing."""

import json
import pathlib
import shutil
import types

import keras
import numpy as np
import pytest
import stopped_trainings
import tensorflow as tf
import tiny_runs
import tunable_runs

from cmr import config
from cmr.config import ModelConfig, TrainConfig
from cmr.errors import CmrError, ConfigError, WorkspaceError
from cmr.pictures import cnn
from cmr.retrieval.model import retrieval_model
from cmr.retrieval.second_phase import SecondPhase
from cmr.retrieval.step import TrainingStep
from cmr.retrieval.summaries import SilentRecorder
from cmr.training import distribution
from cmr.workspace import features
from cmr.workspace.runs import Run


def flags_of(begins_with: Run, **changed) -> types.SimpleNamespace:
    """What cmr.train's flags come to: those of the run, and of the second phase."""
    before = json.loads(begins_with.config_json.read_text())
    own = {
        "workspace_dir": str(begins_with.path.parents[2]),
        "dataset": "scenes",
        "vgg_features": tunable_runs.FEATURES,
        "image_features": tunable_runs.FEATURES,
        "vgg_model": "vgg16",
        "vgg_layer": "fc7",
        "image_model": "inception_v3",
        "hub_module": "",
        "crops": "1",
        "image_embedding": "random",
        "captioner": "",
        "allow_leak": False,
        "learning_rate": 0.01,
        "checkpoint_steps": 3,
        "max_epochs": 2,
        "finetune_from": str(begins_with.path),
        "finetune_which": "both",
        "finetune_blocks": 2,
        "finetune_rate": 0.5,
        "finetune_crops": 3,
        "max_pixels": config.MAX_PIXELS,
        "text_levels": "gru",
        "min_ngram_count": 3,
        "ngram_dropout": 0.0,
        "word_vectors": "",
        "sentences_of": [],
        "sentence_epochs": 12,
        "train_images": 0,
    }
    return types.SimpleNamespace(**{**before["train"], "precision": "float32", **before["model"], **own, **changed})


def second_phase(begins_with: Run, **changed) -> SecondPhase:
    values = flags_of(begins_with, **changed)
    return SecondPhase.from_flags(values)


def trainer_of(path: pathlib.Path, begins_with: Run, strategy=None, **changed):
    """A trainer with the run's weights, and all that it trains by name."""
    second = second_phase(begins_with, **changed)
    strategy = strategy or tf.distribute.get_strategy()
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = retrieval_model(second.setup.run_config.model, second.setup.text_space)
    run = Run(path)
    run.path.mkdir(parents=True, exist_ok=True)
    second.begin(model, strategy, run, flags_text="")
    return second.trainer(model, strategy, run, SilentRecorder())


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Weights by their names; the states of random numbers, which nobody draws here, left out."""
    return {variable.path: variable.numpy() for variable in model.variables if variable.dtype == "float32"}


def kept_cnn(run: pathlib.Path) -> keras.Model:
    folder = Run(run).tuned_features_dir("vgg_features", tunable_runs.FEATURES)
    return keras.saving.load_model(folder / cnn.CNN_KERAS, compile=False)


def extracted_cnn(begins_with: Run) -> keras.Model:
    return cnn.read_cnn(begins_with.path.parents[1] / "features" / tunable_runs.FEATURES).model


@pytest.fixture(scope="module")
def frozen(tunable_root):
    return tunable_runs.frozen(tunable_root)


@pytest.mark.parametrize(
    ("count", "trained"),
    [(1, {"head"}), (2, {"head", "block2_conv"}), (0, {"head", "block2_conv", "block1_conv1", "block1_conv2"})],
)
def test_training_changes_the_blocks_asked_for_and_no_batch_normalisation(frozen, tmp_path, count, trained):
    trainer_of(tmp_path, frozen, finetune_blocks=count, max_epochs=1).fit()

    before, after = weights_of(extracted_cnn(frozen)), weights_of(kept_cnn(tmp_path))
    changed = {path.split("/")[0] for path, value in after.items() if not np.array_equal(value, before[path])}
    assert changed == trained


@pytest.mark.parametrize(("count", "average"), [(2, 0.0), (2, 0.9), (0, 0.0)])
def test_a_stopped_training_ends_as_one_that_went_through(frozen, tmp_path, monkeypatch, count, average):
    settings = {"finetune_blocks": count, "average_weights": average}
    trainer_of(tmp_path / "whole", frozen, **settings).fit()
    for steps in (4, 7):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stopped_trainings.stop_before(steps, patch)
            trainer_of(tmp_path / "stopped", frozen, **settings).fit()
    trainer_of(tmp_path / "stopped", frozen, **settings).fit()

    whole, stopped = (tiny_runs.read_json(tmp_path / name / "history.json") for name in ("whole", "stopped"))
    assert whole == stopped
    expected, kept = (weights_of(kept_cnn(tmp_path / name)) for name in ("whole", "stopped"))
    for path, value in expected.items():
        np.testing.assert_array_equal(kept[path], value)


def test_two_replicas_train_what_one_trains(frozen, tmp_path):
    # Negatives are the whole batch's whoever holds them, so the numbers agree up to rounding, of which Adam makes more
    # where a gradient is small; ten steps at its rate are 0.05. Dropout would differ.
    frozen_alone = {"dropout": 0.0, "max_epochs": 1, "batch_size": 14}
    plain = _without_dropout(frozen, tmp_path)
    trainer_of(tmp_path / "one", plain, **frozen_alone).fit()
    mirrored = distribution.mirrored(("CPU:0", "CPU:1"))
    trainer_of(tmp_path / "two", plain, mirrored, **frozen_alone).fit()

    one, two = (weights_of(kept_cnn(tmp_path / name)) for name in ("one", "two"))
    for path, value in one.items():
        np.testing.assert_allclose(two[path], value, atol=1e-3)


def _without_dropout(frozen: Run, folder: pathlib.Path) -> Run:
    """The same run as if it had been trained without dropout."""
    root = folder / "workspace" / "scenes"
    root.mkdir(parents=True)
    for path in frozen.path.parents[1].iterdir():
        if path.name != "runs":
            (root / path.name).symlink_to(path)
    copied = root / "runs" / frozen.path.name
    shutil.copytree(frozen.path, copied)
    settings = tiny_runs.read_json(copied / "config.json")
    settings["model"]["dropout"] = 0.0
    (copied / "config.json").write_text(json.dumps(settings))
    return Run(copied)


def test_the_cnn_has_its_share_of_the_rate():
    model_config = ModelConfig("vse", 6, 0, 20, word_dim=4, gru_units=5)
    keras.utils.set_random_seed(1)
    model, part = retrieval_model(model_config), keras.Sequential([keras.Input((3,)), keras.layers.Dense(6)])
    settings = TrainConfig(batch_size=4, negatives="batch", learning_rate=0.01)
    step = TrainingStep(model, settings, tf.distribute.get_strategy(), 1, {"vgg_features": part}, 0.25)
    before = [variable.numpy() for variable in step.variables]
    random = np.random.default_rng(0)
    batch = {
        "caption": tf.constant(random.integers(3, 20, (4, 3)), tf.int32),
        "image_row": tf.range(4),
        "vgg_features": tf.constant(random.normal(size=(4, 3)), tf.float32),
    }

    step(batch)

    # Adam's first step is as long as the rate, whatever the gradient.
    moved = [
        float(np.abs(variable.numpy() - value).max()) for variable, value in zip(step.variables, before, strict=True)
    ]
    by_kernel = dict(zip([variable.path for variable in step.variables], moved, strict=True))
    assert by_kernel[part.trainable_variables[0].path] == pytest.approx(0.0025, rel=1e-3)
    assert by_kernel[model.get_layer("image_encoder").trainable_variables[0].path] == pytest.approx(0.01, rel=1e-3)


def test_the_temperature_is_the_one_that_the_first_phase_has_learnt(frozen, tmp_path):
    trainer = trainer_of(tmp_path, frozen)

    learnt = tf.train.load_variable(
        tf.train.latest_checkpoint(frozen.checkpoints_dir), "loss/log_scale/.ATTRIBUTES/VARIABLE_VALUE"
    )
    (log_scale,) = trainer.trackables["loss"].weights
    assert float(log_scale.numpy()) == learnt != pytest.approx(np.log(1 / 0.07), abs=1e-4)


def test_w_img_comes_with_the_first_phases_weights_whatever_captioner_there_is_now(tunable_root):
    begins_with = tunable_runs.frozen(tunable_root, "single")
    config = begins_with.read_config()

    phase = second_phase(begins_with, image_embedding="captioner", captioner="gone", text_space_dim=9)

    now = phase.setup.run_config
    assert (now.text_space, now.captioner, now.model) == (config.text_space, config.captioner, config.model)


def _missing(run: Run) -> dict:
    return {"finetune_from": str(run.path / "nowhere")}


def _unfinished(run: Run) -> dict:
    run.metrics_json.unlink()
    return {}


def _damaged(run: Run) -> dict:
    run.best_weights.write_bytes(b"cut")
    return {}


def _other_cnn(run: Run) -> dict:
    settings = tiny_runs.read_json(run.config_json)
    settings["checksums"][tunable_runs.FEATURES] = "0" * 64
    run.config_json.write_text(json.dumps(settings))
    return {}


def _imported(run: Run) -> dict:
    folder = run.path.parents[1] / "features" / tunable_runs.FEATURES
    extractor = features.read_extractor(folder)
    features.write_description(folder, features.read_features(folder).image_ids, {**extractor, "model": ""})
    return {}


def _ten_crops(run: Run) -> dict:
    folder = run.path.parents[1] / "features" / tunable_runs.FEATURES
    extractor = features.read_extractor(folder)
    features.write_description(folder, features.read_features(folder).image_ids, {**extractor, "crops": 10})
    return {}


def _without_cnn(run: Run) -> dict:
    (run.path.parents[1] / "features" / tunable_runs.FEATURES / cnn.CNN_KERAS).unlink()
    return {}


def _tuned(run: Run) -> dict:
    settings = tiny_runs.read_json(run.config_json)
    settings["finetune"] = {
        "begins_with": "0",
        "cnns": {},
        "finetune_blocks": 1,
        "finetune_rate": 1.0,
        "finetune_crops": 1,
    }
    run.config_json.write_text(json.dumps(settings))
    return {}


def test_features_that_another_machine_extracted_are_gone_on_with(frozen, tmp_path):
    shutil.copytree(frozen.path.parents[2], tmp_path / "copy")
    run = Run(tmp_path / "copy" / "scenes" / "runs" / frozen.path.name)
    path = run.path.parents[1] / "features" / tunable_runs.FEATURES / features.FEATURES_NPY
    np.save(path, np.load(path) * np.float32(1.000001))

    phase = second_phase(run)

    now = features.read_features(path.parent).checksum()
    assert phase.setup.run_config.checksums[tunable_runs.FEATURES] == now
    assert run.read_config().checksums[tunable_runs.FEATURES] != now


@pytest.mark.parametrize(
    ("spoil", "error", "sentence"),
    [
        (_missing, WorkspaceError, r"nowhere holds no run"),
        (_unfinished, WorkspaceError, r"is not finished .metrics\.json is missing."),
        (_damaged, WorkspaceError, r"best\.weights\.h5 is missing or damaged"),
        (_other_cnn, ConfigError, r"of another model or data .checksums\.three_blocks: 0000"),
        (lambda _: {"gru_units": 7}, ConfigError, r"of another model or data .model\.gru_units: 8 there, 7 now"),
        (
            lambda _: {"finetune_which": "image"},
            ConfigError,
            r"--model=vse reads no features of --finetune_which=image",
        ),
        (_imported, WorkspaceError, r"three_blocks were imported, so the CNN that made them is not here"),
        (_ten_crops, ConfigError, r"means of 10 crops, through which no CNN is trained; give --crops=1"),
        (_without_cnn, WorkspaceError, r"cnn\.keras is missing; run data_prep\.extract again"),
        (_tuned, ConfigError, r"is tuned already; give the run that it began with"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused(frozen, tmp_path, spoil, error, sentence):
    shutil.copytree(frozen.path.parents[2], tmp_path / "copy")
    run = Run(tmp_path / "copy" / "scenes" / "runs" / frozen.path.name)

    with pytest.raises(error, match=sentence) as raised:
        second_phase(run, **spoil(run))
    assert isinstance(raised.value, CmrError)
