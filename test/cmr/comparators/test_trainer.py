"""The shared training of neural comparators."""

import dataclasses
from typing import ClassVar

import comparators
import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_runs

from cmr.comparators.settings.declared import NeuralSettings, setting
from cmr.comparators.system import EmbeddingSystem, NeuralSystem, side_by_side, unit
from cmr.comparators.trainer import Trainer
from cmr.errors import ConfigError
from cmr.evaluation.encoding import Embeddings
from cmr.workspace.runs import Run


@dataclasses.dataclass(frozen=True)
class WordSumSettings(NeuralSettings):
    flag_prefix: ClassVar[str] = "word_sum"
    title: ClassVar[str] = "Sums of words"
    batch_size: int = setting(20, "Sentences a step.")
    learning_rate: float = setting(0.03, "Adam's rate.")
    max_epochs: int = setting(3, "Epochs at most.")


class WordSums(EmbeddingSystem, NeuralSystem):
    """Learns a vector a word whose sum is the image's features; with dropout, whose masks are random too."""

    def build(self, train):
        words = keras.Input((None,), dtype="int32")
        table = keras.layers.Embedding(len(self.given.vocabulary), side_by_side(train, np.arange(1)).shape[1])
        dropped = keras.layers.Dropout(0.1, seed=self.given.seed)(table(words))
        self.model = keras.Model(words, keras.ops.sum(dropped, axis=1))

    def batch(self, train, captions, random):
        features = side_by_side(train, train.image_of_caption[captions])
        return {"words": train.padded(captions), "features": features + random.normal(0, 0.01, (1, 1)).astype("f")}

    def loss(self, batch):
        return tf.reduce_mean(tf.square(self.model(batch["words"], training=True) - batch["features"]))

    def embed(self, split):
        sums = [self.model(split.padded(np.array([caption])))[0] for caption in range(split.num_captions)]
        return Embeddings(unit(side_by_side(split)), unit(np.array(sums)))


def word_sums(inputs, seed=0, **changed):
    keras.utils.set_random_seed(seed)
    return WordSums(WordSumSettings(**changed), comparators.given("devise", inputs, seed))


def test_a_training_stopped_in_an_epoch_ends_as_one_that_went_through(scenes_inputs, tmp_path, monkeypatch):
    whole, stopped = Run(tmp_path / "whole"), Run(tmp_path / "stopped")
    comparators.fit(word_sums(scenes_inputs), scenes_inputs, whole)
    step, count = Trainer.step, []

    def counted(self, batch):
        count.append(batch)
        # The second step behind a saved state of the second epoch.
        if len(count) == 13:
            raise KeyboardInterrupt
        return step(self, batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "step", counted)
        comparators.fit(word_sums(scenes_inputs), scenes_inputs, stopped)
    comparators.fit(word_sums(scenes_inputs), scenes_inputs, stopped)

    assert tiny_runs.read_json(stopped.history_json) == tiny_runs.read_json(whole.history_json)


def test_another_seed_trains_another_system(scenes_inputs, tmp_path):
    runs = [Run(tmp_path / str(seed)) for seed in range(2)]

    for seed, run in enumerate(runs):
        comparators.fit(word_sums(scenes_inputs, seed), scenes_inputs, run)

    assert tiny_runs.read_json(runs[0].history_json) != tiny_runs.read_json(runs[1].history_json)


def test_the_best_epochs_weights_are_the_systems_in_the_end(scenes_inputs, tmp_path):
    run = Run(tmp_path / "run")
    system = word_sums(scenes_inputs, max_epochs=2, patience=2)
    comparators.fit(system, scenes_inputs, run)
    weights = system.model.get_weights()

    system.model.load_weights(run.best_weights)

    for kept, last in zip(system.model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(kept, last)


def test_epochs_may_be_judged_by_the_first_validation_images_alone(scenes_inputs, tmp_path):
    run = Run(tmp_path / "run")

    comparators.fit(word_sums(scenes_inputs, val_images=4, max_epochs=1), scenes_inputs, run)

    assert tiny_runs.read_json(run.history_json)[0]["val"]["sentence_retrieval"]["num_queries"] == 4


def test_the_gradient_of_a_word_table_is_added_up_before_it_is_clipped(scenes_inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(WordSums, "optimizer", lambda self: keras.optimizers.SGD(1.0))
    monkeypatch.setattr(WordSums, "steps_per_epoch", lambda self, train: 1)
    monkeypatch.setattr(
        WordSums, "batches", lambda self, train, *place: [self.batch(train, np.arange(20), np.random.default_rng(0))]
    )
    run = Run(tmp_path / "run")
    system = word_sums(scenes_inputs, clip_norm=1e-3, max_epochs=1)
    built = []
    build = system.build
    monkeypatch.setattr(system, "build", lambda train: (build(train), built.extend(system.model.get_weights())))

    comparators.fit(system, scenes_inputs, run)

    (before,), (after,) = built, system.model.get_weights()
    assert np.linalg.norm(after - before) == pytest.approx(1e-3, rel=1e-3)


def test_a_batch_larger_than_the_split_is_refused(scenes_inputs, tmp_path):
    with pytest.raises(ConfigError, match="lower --word_sum_batch_size"):
        comparators.fit(word_sums(scenes_inputs, batch_size=1000), scenes_inputs, Run(tmp_path / "run"))
