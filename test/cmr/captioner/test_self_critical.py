"""Self-critical training: the gradient of the expected CIDEr, what is said more often for it, going on after a stop."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from captioner_trainings import check_that_it_goes_on, go_through

from cmr.captioner.loss import word_losses
from cmr.captioner.model import captioner_model
from cmr.captioner.scores import score_captions
from cmr.captioner.self_critical import SelfCriticalStep, SelfCriticalTrainer, advantages
from cmr.captioner.summaries import SelfCriticalRecorder
from cmr.config import CaptionerConfig, CaptionerTrainConfig
from cmr.data import inputs
from cmr.errors import ConfigError
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import END_ID, PAD_ID, UNK_ID


@pytest.fixture(scope="module")
def splits(scenes_workspace):
    scenes = inputs.read_inputs(scenes_workspace, "", "scene_cnn-layout")
    return scenes, scenes.split("train"), scenes.split("val")


def settings(**changed):
    base = {"batch_size": 24, "learning_rate": 0.01, "max_epochs": 2, "patience": 9, "checkpoint_steps": 2, "seed": 5}
    return CaptionerTrainConfig(**{**base, "samples_per_image": 4, **changed})


def new_model(num_words, dropout=0.0):
    keras.utils.set_random_seed(5)
    return captioner_model(CaptionerConfig(14, num_words, 8, 6, dropout=dropout))


def trainer_of(path, splits, config, dropout=0.3):
    scenes, train, val = splits
    run = Run(path)
    model = new_model(len(scenes.vocabulary), dropout)
    recorder = SelfCriticalRecorder(run.tensorboard_dir, "--seed=5\n", val, scenes.image_dir)
    return SelfCriticalTrainer(model, config, run, train, val, scenes.vocabulary, recorder), model


def test_a_sentences_advantage_is_over_the_mean_of_the_others():
    rewards = np.array([[1.0, 2.0, 6.0], [4.0, 4.0, 4.0]])

    expected = [[1.0 - 4.0, 2.0 - 3.5, 6.0 - 1.5], [0.0, 0.0, 0.0]]

    np.testing.assert_allclose(advantages(rewards), expected)


def test_the_loss_is_the_advantage_times_the_words_log_probability_without_those_never_said():
    """Against the model's logits, in float64."""
    model = new_model(9)
    random = np.random.default_rng(0)
    caption = np.array([[4, 5, END_ID, PAD_ID], [6, END_ID, PAD_ID, PAD_ID], [7, 8, 4, END_ID]], np.int32)
    features = random.normal(size=(3, 14)).astype(np.float32)
    weights = np.array([0.5, -2.0, 1.5], np.float32)
    logits = model.predict({"image_features": features, "caption": caption}, verbose=0).astype(np.float64)
    logits[:, :, [PAD_ID, UNK_ID]] = -np.inf
    log_p = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    inside = caption != PAD_ID
    of_words = np.take_along_axis(log_p, caption[:, :, None], axis=2)[:, :, 0]
    expected = np.sum(np.where(inside, -weights[:, None] * of_words, 0.0)) / inside.sum()

    loss, num_words = SelfCriticalStep(model, settings(), 1)(
        {"image_features": tf.constant(features), "caption": tf.constant(caption), "advantages": tf.constant(weights)}
    )

    assert int(num_words) == inside.sum()
    np.testing.assert_allclose(float(loss), expected, rtol=1e-5)


def test_what_is_better_than_the_others_becomes_more_probable():
    model = new_model(9)
    losses = word_losses(model)
    caption = tf.constant([[4, 5, END_ID], [6, 7, END_ID]], tf.int32)
    batch = {"image_features": tf.ones([2, 14]), "caption": caption}
    before, _ = losses(batch, False)
    step = SelfCriticalStep(model, settings(), 1)

    for _ in range(5):
        step({**batch, "advantages": tf.constant([1.0, -1.0])})

    after, sentences = losses(batch, False)
    change = tf.math.segment_sum(tf.gather(after - before, tf.argsort(sentences)), tf.sort(sentences)).numpy()
    assert change[0] < 0 < change[1]


@pytest.fixture(scope="module")
def whole(splits, tmp_path_factory):
    """An uninterrupted training: its folder and weights."""
    path = tmp_path_factory.mktemp("whole")
    return go_through(path, *trainer_of(path, splits, settings()))


def test_the_cider_rises(splits, tmp_path):
    trainer, _ = trainer_of(tmp_path, splits, settings(max_epochs=12), dropout=0.0)

    trainer.fit()

    history = json.loads((tmp_path / "history.json").read_text())
    assert history[-1]["loss"] < history[0]["loss"] < 10
    assert max(row["val"]["cider"] for row in history) > history[0]["val"]["cider"]


def test_validation_measures_what_the_mscoco_scorer_does(splits, tmp_path):
    pytest.importorskip("pycocoevalcap")
    trainer, _ = trainer_of(tmp_path, splits, settings())
    val = splits[2]
    shown = {}
    trainer._recorder.validation = lambda epoch, measured, captions: shown.update(captions=captions)

    measured = trainer.validate(1)

    of_images = [[] for _ in range(val.num_images)]
    for image, sentence in zip(val.image_of_caption, val.captions, strict=True):
        of_images[image].append(sentence)
    np.testing.assert_allclose(measured.score, score_captions(shown["captions"], of_images).scores["CIDEr"])
    assert measured.entry["cider"] == measured.score


# Six steps an epoch: between a saved state and the next, in the first and in the second epoch.
@pytest.mark.parametrize("steps", [3, 9])
def test_a_stopped_training_ends_with_the_weights_of_an_uninterrupted_one(whole, splits, tmp_path, steps):
    check_that_it_goes_on(lambda: trainer_of(tmp_path, splits, settings()), steps, tmp_path, whole)


def test_weights_that_are_no_numbers_end_the_training_with_the_flag(splits, tmp_path):
    trainer, model = trainer_of(tmp_path, splits, settings())
    kernel = model.get_layer("logits").kernel
    kernel.assign(np.full(kernel.shape, np.nan, np.float32))

    with pytest.raises(ConfigError, match=r"the loss is nan at step 1 of epoch 1; lower --pretrain_learning_rate"):
        trainer.fit()


def test_tensorboard_shows_the_cider_of_both_splits(whole):
    from tensorboard.backend.event_processing import event_accumulator

    events = event_accumulator.EventAccumulator(str(whole[0] / "tensorboard"), {"tensors": 0})
    tags = set(events.Reload().Tags()["tensors"])

    assert {"epoch/cider", "val/cider", "val/perplexity"} <= tags
    assert "epoch/perplexity" not in tags


@pytest.mark.parametrize("batch_size", [3, 36 * 4 + 4])
def test_a_batch_without_an_image_or_with_more_than_there_are_is_refused(splits, tmp_path, batch_size):
    with pytest.raises(ConfigError, match=r"split has 36 images; give a --pretrain_batch_size between 4 and 144"):
        trainer_of(tmp_path, splits, settings(batch_size=batch_size))
