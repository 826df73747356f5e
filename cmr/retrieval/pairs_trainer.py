"""What trainings on pairs share: the step, its state, its course. Which pairs, and what validation, is their own."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from cmr.config import DistillationConfig, TrainConfig
from cmr.retrieval.step import TrainingStep
from cmr.training import loop
from cmr.training.loop import Limits, Recorder, TrainingLoop
from cmr.training.workers import Workers
from cmr.workspace import atomic_files
from cmr.workspace.runs import Run


class PairsTrainer:
    """Trains a model of two sides to early stopping on a sum of recalls (most of a `loop.Task`).

    Args:
      model: from a batch's pairs to the embeddings `image` and `caption`, made in the strategy's scope.
      config: the settings.
      strategy: of tf.distribute.
      run: the folder.
      recorder: what TensorBoard shows.
      steps_per_epoch: batches of an epoch.
      cnns: trained too, see `TrainingStep`.
      cnn_rate: likewise.
      distillation: likewise.
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
        recorder: Recorder,
        steps_per_epoch: int,
        cnns: Mapping[str, keras.Model] | None = None,
        cnn_rate: float = 1.0,
        distillation: DistillationConfig | None = None,
    ):
        self._model = model
        self._config = config
        self._strategy = strategy
        self._run = run
        self._recorder = recorder
        self._steps_per_epoch = steps_per_epoch
        self._step = TrainingStep(model, config, strategy, steps_per_epoch, cnns, cnn_rate, distillation)

    def fit(self) -> None:
        """Trains until patience or epochs end; leaves the best weights in the folder."""
        limits = Limits(self._config.max_epochs, self._config.patience, self._config.checkpoint_steps)
        TrainingLoop(self, limits, self._run, self._recorder, Workers(self._strategy)).fit()

    @property
    def steps_per_epoch(self) -> int:
        return self._steps_per_epoch

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
            lambda context: self._pipeline(
                epoch,
                first_step,
                self._strategy.num_replicas_in_sync,
                context.input_pipeline_id,
                context.num_input_pipelines,
            )
        )

    def _pipeline(
        self, epoch: int, first_step: int, num_replicas: int, worker: int, num_workers: int
    ) -> tf.data.Dataset:
        """What a worker reads of an epoch; see `batches.training_batches`."""
        raise NotImplementedError

    def step(self, batch) -> tuple[tf.Tensor, int]:
        """Trains by one batch; returns its loss and its number of queries."""
        return self._step(batch), self._config.batch_size

    def _write_best(self, model: keras.Model) -> None:
        """Writes weights, averaged where the settings say so, as the folder's best ones, and their sum."""
        with self._step.averaged_weights(), atomic_files.atomic_path(self._run.best_weights) as temporary:
            model.save_weights(temporary)
        self._run.seal_best_weights()
