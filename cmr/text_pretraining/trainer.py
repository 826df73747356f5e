"""Training of the text encoder alone: two sentences of one image are to be near each other."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cmr.config import TrainConfig
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.errors import ConfigError
from cmr.evaluation import metrics
from cmr.evaluation.encoding import SplitEmbedder
from cmr.retrieval.batches import check_replicas
from cmr.retrieval.step import TrainingStep
from cmr.text_pretraining import sentence_pairs
from cmr.training import loop
from cmr.training.loop import Limits, Recorder, TrainingLoop, Validation
from cmr.training.workers import Workers
from cmr.workspace import atomic_files
from cmr.workspace.runs import Run


def pair_model(model: keras.Model) -> keras.Model:
    """The text encoder of a retrieval model on both sides, so that what it learns is the model's.

    Args:
      model: of `retrieval.model.retrieval_model`.

    Returns:
      From `{"caption", "sentence"}`, each `[pairs, time]` int32, to `{"caption", "image"}`, each `[pairs, dim]` float32
      of norm 1: the second sentence stands in for the image.
    """
    names = {input_names.CAPTION: "caption", sentence_pairs.SENTENCE: "image"}
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    heard = inputs
    if any(layer.name == "word_dropout" for layer in model.layers):
        dropout = model.get_layer("word_dropout")
        heard = {name: dropout(words) for name, words in inputs.items()}
    encoder = model.get_layer("text_encoder")
    return keras.Model(inputs, {output: encoder(heard[name]) for name, output in names.items()}, name="sentence_pairs")


class TextTrainer:
    """Trains the text encoder of a retrieval model to early stopping on the validation sentences (a `loop.Task`).

    The loss is the run's, over the pairs of a batch: two sentences of one image in the places of sentence and image.

    Args:
      model: of `retrieval.model.retrieval_model`, made in the strategy's scope.
      config: the settings, whose negatives are the batch's.
      strategy: of tf.distribute.
      run: folder of this phase.
      sentences: to learn from, of `sentence_pairs.gather`.
      val: the validation split.
      recorder: what TensorBoard shows.

    Raises:
      ConfigError: the sentences make no batch.
    """

    score_name = "sum of recalls"
    item_name = "pairs"
    rate_flag = "learning_rate"

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        strategy: tf.distribute.Strategy,
        run: Run,
        sentences: Examples,
        val: Examples,
        recorder: Recorder,
    ):
        check_replicas(config, strategy.num_replicas_in_sync)
        self._model = model
        self._config = config
        self._strategy = strategy
        self._run = run
        self._sentences = sentences
        self._val = val
        self._recorder = recorder
        self._embedder = SplitEmbedder(model)
        if not self.steps_per_epoch:
            raise ConfigError(
                f"--sentences_of has {sentence_pairs.num_pairs(sentences)} pairs of sentences of one image, fewer than "
                f"a batch's {config.batch_size}; lower --batch_size"
            )
        with strategy.scope():
            self._pairs = pair_model(model)
        self._step = TrainingStep(self._pairs, config, strategy, self.steps_per_epoch)

    def fit(self) -> None:
        """Trains until patience or epochs end; leaves the text encoder's best weights in the phase's folder."""
        limits = Limits(self._config.max_epochs, self._config.patience, self._config.checkpoint_steps)
        TrainingLoop(self, limits, self._run, self._recorder, Workers(self._strategy)).fit()

    @property
    def steps_per_epoch(self) -> int:
        return sentence_pairs.num_pairs(self._sentences) // self._config.batch_size

    @property
    def trackables(self) -> Mapping[str, Any]:
        dropout = loop.dropout_states(self._pairs)
        tracked = {"model": self._pairs, "optimizer": self._step.optimizer, "dropout": dropout}
        return {**tracked, "loss": self._step.loss} if self._step.loss.weights else tracked

    @property
    def learning_rate(self) -> float:
        return self._step.learning_rate

    def batches(self, epoch: int, first_step: int) -> Iterable:
        """Batches of all replicas, from a step of an epoch on."""
        return self._strategy.distribute_datasets_from_function(
            lambda context: sentence_pairs.pair_batches(
                self._sentences,
                self._config,
                epoch,
                first_step,
                self._strategy.num_replicas_in_sync,
                context.input_pipeline_id,
                context.num_input_pipelines,
            )
        )

    def step(self, batch) -> tuple[tf.Tensor, int]:
        """Trains by one batch; returns its loss and its number of pairs."""
        return self._step(batch), self._config.batch_size

    def validate(self, epoch: int) -> Validation:
        """Measures how well the first sentence of each validation image finds its others, and they it."""
        with self._step.averaged_weights():
            embeddings = self._embedder.embed_captions(self._val)
        is_first = np.diff(self._val.image_of_caption, prepend=-1) > 0
        has_others = np.bincount(self._val.image_of_caption) > 1
        firsts = embeddings[is_first][has_others]
        row_of_image = np.cumsum(has_others) - 1
        others = row_of_image[self._val.image_of_caption[~is_first]]
        measured = metrics.evaluate(firsts, embeddings[~is_first], others)
        recalls = " ".join(f"{value:.1f}" for value in measured.sentence_retrieval.recalls)
        line = f"another sentence of the image R@1/5/10 {recalls}, sum of both ways {measured.sum_of_recalls:.1f}"
        return Validation(measured.sum_of_recalls, measured.to_dict(), line)

    def write_best(self) -> None:
        """Writes the text encoder's weights and their sum."""
        with (
            self._step.averaged_weights(),
            atomic_files.atomic_path(self._run.best_weights) as temporary,
        ):
            self._model.get_layer("text_encoder").save_weights(temporary)
        self._run.seal_best_weights()
