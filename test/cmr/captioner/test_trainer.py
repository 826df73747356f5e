"""A captioner's training: it learns, it goes on where it was stopped, and in its second phase the CNN learns too."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from captioner_trainings import check_that_it_goes_on, go_through, stop_before, values_of
from PIL import Image

from cmr.captioner.batches import feature_batches, picture_batches
from cmr.captioner.loss import SplitLosses
from cmr.captioner.model import captioner_model, model_config
from cmr.captioner.step import CaptionerStep
from cmr.captioner.summaries import CaptionerRecorder
from cmr.captioner.trainer import CaptionerTrainer, TrainedCnn
from cmr.config import CaptionerConfig, CaptionerTrainConfig
from cmr.data import input_names
from cmr.errors import ConfigError, DataError
from cmr.pictures.cnn import Cnn
from cmr.training.stage_errors import with_stage_errors
from cmr.workspace.runs import Run

SIZE = 8


@pytest.fixture(scope="module")
def splits(scenes_workspace):
    from cmr.data import inputs

    scenes = inputs.read_inputs(scenes_workspace, "", "scene_cnn-layout")
    return scenes, scenes.split("train"), scenes.split("val")


def settings(**changed):
    base = {
        "optimizer": "adam",
        "batch_size": 24,
        "learning_rate": 0.02,
        "halve_every": 0,
        "clip_norm": 5.0,
        "max_epochs": 2,
        "patience": 2,
        "checkpoint_steps": 2,
        "seed": 5,
    }
    return CaptionerTrainConfig(**{**base, **changed})


def new_model(splits, feature_dim=14):
    keras.utils.set_random_seed(5)
    return captioner_model(CaptionerConfig(feature_dim, len(splits[0].vocabulary), 8, 6))


def trainer_of(path, splits, config, model=None, trained_cnn=None):
    scenes, train, val = splits
    run = Run(path)
    recorder = CaptionerRecorder(run.tensorboard_dir, "--seed=5\n", val, scenes.image_dir)
    model = model or new_model(splits)
    return CaptionerTrainer(model, config, run, train, val, scenes.vocabulary, recorder, trained_cnn), model


@pytest.fixture(scope="module")
def whole(splits, tmp_path_factory):
    """An uninterrupted training: its folder and weights."""
    path = tmp_path_factory.mktemp("whole")
    return go_through(path, *trainer_of(path, splits, settings()))


def test_the_perplexity_falls(whole, splits):
    perplexities = [row["val"]["perplexity"] for row in json.loads((whole[0] / "history.json").read_text())]

    assert perplexities[1] < perplexities[0] < len(splits[0].vocabulary)


def test_tensorboard_shows_curves_flags_and_sentences_beside_pictures(whole):
    from tensorboard.backend.event_processing import event_accumulator

    events = event_accumulator.EventAccumulator(str(whole[0] / "tensorboard"), {"tensors": 0})
    tags = set(events.Reload().Tags()["tensors"])

    curves = {"epoch/loss", "epoch/perplexity", "epoch/learning_rate", "epoch/words_per_second", "val/perplexity"}
    curves |= {"val/shuffled_perplexity", "val/distinct_captions"}
    assert curves | {"flags"} <= tags
    assert sum(tag.startswith("captions/") for tag in tags) == 6


# Six steps an epoch: between a saved state and the next, in the first and in the second epoch.
@pytest.mark.parametrize("steps", [3, 9])
def test_a_stopped_training_ends_with_the_weights_of_an_uninterrupted_one(whole, splits, tmp_path, steps):
    check_that_it_goes_on(lambda: trainer_of(tmp_path, splits, settings()), steps, tmp_path, whole)


def test_the_best_model_is_kept_beside_the_last_state(splits, tmp_path):
    """The last epoch of a rate far too high is not the best one."""
    trainer, _ = trainer_of(tmp_path, splits, settings(learning_rate=0.5, max_epochs=4, patience=4))
    trainer.fit()

    perplexities = [row["val"]["perplexity"] for row in json.loads((tmp_path / "history.json").read_text())]
    best = keras.saving.load_model(tmp_path / "captioner.keras")
    measured = SplitLosses(best).perplexity(splits[2])
    np.testing.assert_allclose(measured, min(perplexities), rtol=1e-5)
    assert (tmp_path / "checkpoints").is_dir()


def test_im2txts_rate_is_halved_every_8_epochs_as_a_staircase(splits):
    step = CaptionerStep(
        new_model(splits), settings(optimizer="sgd", learning_rate=2.0, halve_every=8), steps_per_epoch=3
    )

    rates = []
    for iteration in (0, 23, 24, 47, 48):
        step.optimizer.iterations.assign(iteration)
        rates.append(step.learning_rate)

    assert rates == [2.0, 2.0, 1.0, 1.0, 0.5]


def test_a_cosine_takes_the_rate_to_zero_over_all_epochs(splits):
    step = CaptionerStep(new_model(splits), settings(learning_rate=0.5, decay="cosine", max_epochs=4), 3)

    rates = []
    for iteration in (0, 6, 12):
        step.optimizer.iterations.assign(iteration)
        rates.append(step.learning_rate)

    np.testing.assert_allclose(rates, [0.5, 0.25, 0.0], atol=1e-7)


def test_the_scale_of_the_features_is_within_the_written_w_img(splits, tmp_path):
    keras.utils.set_random_seed(5)
    scaled = captioner_model(CaptionerConfig(14, len(splits[0].vocabulary), 8, 6, feature_scale=0.25))
    trainer, _ = trainer_of(tmp_path, splits, settings(max_epochs=1), scaled)

    trainer.fit()

    written = keras.saving.load_model(tmp_path / "captioner.keras")
    assert model_config(written).feature_scale == 1
    kernels = [one.get_layer("image_embedding").get_weights()[0] for one in (written, scaled)]
    np.testing.assert_array_equal(kernels[0], 0.25 * kernels[1])
    np.testing.assert_allclose(SplitLosses(written).perplexity(splits[2]), SplitLosses(scaled).perplexity(splits[2]))


def test_the_gradient_is_clipped_to_its_global_norm(splits):
    model = new_model(splits)
    step = CaptionerStep(model, settings(optimizer="sgd", learning_rate=1.0, clip_norm=1e-3), 1)
    before = values_of(model)

    step(next(iter(feature_batches(splits[1], 24, 0, 0, 0))))

    moved = [value - old for value, old in zip(values_of(model), before, strict=True)]
    np.testing.assert_allclose(np.sqrt(sum(np.sum(part**2) for part in moved)), 1e-3, rtol=1e-3)


def test_the_order_of_batches_is_a_function_of_seed_and_epoch_that_can_begin_anywhere(splits):
    def words(seed, epoch, first):
        batches = feature_batches(splits[1], 24, seed, epoch, first)
        return [batch["caption"].tolist() for batch in batches.as_numpy_iterator()]

    whole_epoch = words(1, 0, 0)
    assert len(whole_epoch) == splits[1].num_captions // 24
    assert words(1, 0, 2) == whole_epoch[2:]
    assert words(1, 1, 0) != whole_epoch
    assert words(2, 0, 0) != whole_epoch


def test_a_split_smaller_than_a_batch_is_refused_with_the_flag(splits, tmp_path):
    with pytest.raises(ConfigError, match="fewer than a batch's 1000; lower --pretrain_batch_size"):
        trainer_of(tmp_path, splits, settings(batch_size=1000))


# The second phase.


@pytest.fixture(scope="module")
def pictures(splits, tmp_path_factory):
    """A tiny picture of every image."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for split in splits[1:]:
        for name in split.file_names:
            Image.fromarray(random.integers(0, 255, (SIZE, SIZE, 3), np.uint8)).save(folder / name)
    return folder


def tiny_cnn():
    keras.utils.set_random_seed(2)
    picture = keras.Input((SIZE, SIZE, 3), name="pictures")
    scaled = keras.layers.Rescaling(1 / 128.0, -1.0)(picture)
    maps = keras.layers.Conv2D(4, 3, activation="relu")(scaled)
    maps = keras.layers.BatchNormalization()(maps)
    return Cnn(keras.Model(picture, keras.layers.GlobalAveragePooling2D()(maps)), crops=1)


def second_phase(path, splits, pictures, **changed):
    trained = TrainedCnn(tiny_cnn(), pictures)
    config = settings(batch_size=36, max_epochs=1, **changed)
    trainer, model = trainer_of(path, splits, config, new_model(splits, feature_dim=4), trained)
    return trainer, model, trained.encoder.model


def test_the_gradient_reaches_the_cnns_first_layer_and_leaves_its_statistics(splits, pictures, tmp_path):
    trainer, _, network = second_phase(tmp_path, splits, pictures)
    kernel = network.trainable_variables[0].numpy()
    statistics = [weight.numpy() for weight in network.non_trainable_variables]

    trainer.fit()

    assert not np.allclose(network.trainable_variables[0].numpy(), kernel, atol=1e-4)
    for weight, before in zip(network.non_trainable_variables, statistics, strict=True):
        np.testing.assert_array_equal(weight.numpy(), before)


def test_the_tuned_cnn_is_kept_with_its_captioner(splits, pictures, tmp_path):
    trainer, _, network = second_phase(tmp_path, splits, pictures)

    trainer.fit()

    kept = keras.saving.load_model(tmp_path / "cnn.keras")
    for value, expected in zip(kept.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    assert (tmp_path / "captioner.keras").exists()


def test_a_stopped_second_phase_ends_with_the_weights_of_an_uninterrupted_one(splits, pictures, tmp_path):
    trainer, model, network = second_phase(tmp_path / "whole", splits, pictures)
    trainer.fit()
    stopped, _, _ = second_phase(tmp_path / "stopped", splits, pictures)
    stop_before(stopped, 3)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit()

    resumed, resumed_model, resumed_network = second_phase(tmp_path / "stopped", splits, pictures)
    resumed.fit()

    expected = values_of(model) + values_of(network)
    for value, other in zip(values_of(resumed_model) + values_of(resumed_network), expected, strict=True):
        np.testing.assert_allclose(value, other, atol=1e-6)


def test_batches_of_pictures_are_those_of_features_with_the_pictures_that_belong(splits, pictures):
    train = splits[1]
    with_features = next(iter(feature_batches(train, 24, 1, 0, 0)))
    batch = next(iter(picture_batches(train, pictures, SIZE, 24, 1, 0, 0)))

    np.testing.assert_array_equal(batch["caption"], with_features["caption"])
    features = train.features[input_names.IMAGE_FEATURES].take(np.arange(train.num_images))
    image = int(np.argmin(np.abs(features - with_features[input_names.IMAGE_FEATURES][0].numpy()).sum(axis=1)))
    expected = np.asarray(Image.open(pictures / train.file_names[image]))
    np.testing.assert_array_equal(batch[input_names.PICTURES][0], expected)


def test_a_picture_that_cannot_be_read_is_named(splits, pictures):
    lost = dataclasses.replace(splits[1], file_names=["lost.png"] * splits[1].num_images)

    with pytest.raises(DataError, match=r"lost\.png does not exist; restore it"):
        next(iter(with_stage_errors(picture_batches(lost, pictures, SIZE, 24, 1, 0, 0))))
