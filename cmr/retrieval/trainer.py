"""Training of a retrieval model: its batches, its step and its validation, in the common training loop."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from cmr.config import TrainConfig
from cmr.data.examples import Examples
from cmr.data.order import Schedule
from cmr.evaluation import encoding
from cmr.evaluation.encoding import SplitEmbedder
from cmr.retrieval.batches import check_replicas, training_batches
from cmr.retrieval.step import TrainingStep
from cmr.retrieval.summaries import RetrievalRecorder, SilentRecorder
from cmr.training import distribution, loop
from cmr.training.loop import Limits, TrainingLoop, Validation
from cmr.workspace import atomic_files
from cmr.workspace.runs import Run


class Trainer:
    """Trains a retrieval model to early stopping on the validation sum of recalls (a `loop.Task`).

    Args:
      model: of `model.retrieval_model`, made in the strategy's scope.
      config: the settings.
      strategy: of tf.distribute.
      run: the run's folder.
      train: the training split.
      val: the validation split.
      recorder: what TensorBoard shows.
    """

    score_name = "sum of recalls"
    item_name = "sentences"
    rate_flag = "learning_rate"

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        strategy: tf.distribute.Strategy,
        run: Run,
        train: Examples,
        val: Examples,
        recorder: RetrievalRecorder | SilentRecorder,
    ):
        check_replicas(config, strategy.num_replicas_in_sync)
        self._model = model
        self._config = config
        self._strategy = strategy
        self._run = run
        self._train = train
        self._val = val
        self._recorder = recorder
        self._schedule = Schedule(train.lengths, config)
        self._embedder = SplitEmbedder(model)
        self._step = TrainingStep(model, config, strategy, self._schedule.steps_per_epoch)

    def fit(self) -> None:
        """Trains until patience or epochs end; leaves the best weights in the run's folder."""
        limits = Limits(self._config.max_epochs, self._config.patience, self._config.checkpoint_steps)
        chief = distribution.is_chief(self._strategy)
        TrainingLoop(self, limits, self._run, self._recorder, chief).fit()

    @property
    def steps_per_epoch(self) -> int:
        return self._schedule.steps_per_epoch

    @property
    def trackables(self) -> Mapping[str, Any]:
        dropout = loop.dropout_states(self._model)
        tracked = {"model": self._model, "optimizer": self._step.optimizer, "dropout": dropout}
        return {**tracked, "loss": self._step.loss} if self._step.loss.weights else tracked

    @property
    def learning_rate(self) -> float:
        return self._step.learning_rate

    def batches(self, epoch: int, first_step: int) -> Iterable:
        """Batches of all replicas, from a step of an epoch on."""
        return self._strategy.distribute_datasets_from_function(
            lambda context: training_batches(
                self._train,
                self._schedule,
                epoch,
                first_step,
                self._strategy.num_replicas_in_sync,
                context.input_pipeline_id,
                context.num_input_pipelines,
            )
        )

    def step(self, batch) -> tuple[tf.Tensor, int]:
        """Trains by one batch; returns its loss and its number of queries."""
        return self._step(batch), self._config.batch_size

    def validate(self, epoch: int) -> Validation:
        """Measures both directions on the validation split."""
        with self._step.averaged_weights():
            embeddings = self._embedder.embed(self._val)
        measured, _ = encoding.evaluate_embeddings(embeddings, self._val)
        self._recorder.validation(epoch, measured, embeddings)
        return Validation(measured.sum_of_recalls, measured.to_dict(), measured.one_line())

    def write_best(self) -> None:
        """Writes best.weights.h5 and its sum; the last validation is the best."""
        with self._step.averaged_weights(), atomic_files.atomic_path(self._run.best_weights) as temporary:
            self._model.save_weights(temporary)
        self._run.seal_best_weights()
        self._recorder.best()
