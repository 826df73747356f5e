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
from cmr.finetuning.cnn_in_training import with_data_errors
from cmr.finetuning.tuned_cnns import TunedCnns
from cmr.retrieval.batches import check_replicas, training_batches
from cmr.retrieval.step import TrainingStep
from cmr.retrieval.summaries import RetrievalRecorder, SilentRecorder
from cmr.training import loop
from cmr.training.loop import Limits, TrainingLoop, Validation
from cmr.training.workers import Workers
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
      tuned_cnns: trained too; None: the features are taken as they are.
      cnn_rate: share of the learning rate that is theirs.
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
        tuned_cnns: TunedCnns | None = None,
        cnn_rate: float = 1.0,
    ):
        check_replicas(config, strategy.num_replicas_in_sync)
        self._model = model
        self._config = config
        self._strategy = strategy
        self._run = run
        self._train = train
        self._val = val
        self._recorder = recorder
        self._tuned_cnns = tuned_cnns
        self._schedule = Schedule(train.lengths, config)
        self._embedder = SplitEmbedder(model)
        parts = tuned_cnns.parts if tuned_cnns else {}
        self._step = TrainingStep(model, config, strategy, self._schedule.steps_per_epoch, parts, cnn_rate)

    def take_temperature(self, begins_with: Run) -> None:
        """Takes over the temperature that another run's loss has learnt; its weights hold none.

        Args:
          begins_with: the run; one whose checkpoints were removed leaves the temperature as it is.
        """
        last = tf.train.latest_checkpoint(begins_with.checkpoints_dir)
        if last is not None and self._step.loss.weights:
            tf.train.Checkpoint(loss=self._step.loss).restore(last).expect_partial()

    def fit(self) -> None:
        """Trains until patience or epochs end; leaves the best weights in the run's folder."""
        limits = Limits(self._config.max_epochs, self._config.patience, self._config.checkpoint_steps)
        TrainingLoop(self, limits, self._run, self._recorder, Workers(self._strategy)).fit()

    @property
    def steps_per_epoch(self) -> int:
        return self._schedule.steps_per_epoch

    @property
    def trackables(self) -> Mapping[str, Any]:
        dropout = loop.dropout_states(self._model)
        tracked = {"model": self._model, "optimizer": self._step.optimizer, "dropout": dropout}
        if self._tuned_cnns:
            tracked["cnns"] = dict(self._tuned_cnns.parts)
        return {**tracked, "loss": self._step.loss} if self._step.loss.weights else tracked

    @property
    def learning_rate(self) -> float:
        return self._step.learning_rate

    def batches(self, epoch: int, first_step: int) -> Iterable:
        """Batches of all replicas, from a step of an epoch on."""
        if self._tuned_cnns is None:
            return self._batches(self._train, epoch, first_step)
        return with_data_errors(self._batches(self._tuned_cnns.training_split(epoch), epoch, first_step))

    def _batches(self, train: Examples, epoch: int, first_step: int) -> Iterable:
        return self._strategy.distribute_datasets_from_function(
            lambda context: training_batches(
                train,
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
            val = self._tuned_cnns.with_features(self._val) if self._tuned_cnns else self._val
            embeddings = self._embedder.embed(val)
        measured, _ = encoding.evaluate_embeddings(embeddings, self._val)
        self._recorder.validation(epoch, measured, embeddings)
        return Validation(measured.sum_of_recalls, measured.to_dict(), measured.one_line())

    def write_best(self) -> None:
        """Writes best.weights.h5 and its sum, and the CNNs that are trained; the last validation is the best."""
        with self._step.averaged_weights():
            if self._tuned_cnns:
                self._tuned_cnns.write(self._run)
            with atomic_files.atomic_path(self._run.best_weights) as temporary:
                self._model.save_weights(temporary)
        self._run.seal_best_weights()
        self._recorder.best()
