"""Training of a retrieval model: its batches and its validation, in the common course."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from cmr.config import DistillationConfig, TrainConfig
from cmr.data.examples import Examples
from cmr.data.order import Schedule
from cmr.data.teacher_rows import TeacherRows
from cmr.evaluation import encoding
from cmr.evaluation.encoding import SplitEmbedder
from cmr.finetuning.tuned_cnns import TunedCnns
from cmr.retrieval.batches import check_replicas, training_batches
from cmr.retrieval.pairs_trainer import PairsTrainer
from cmr.retrieval.summaries import RetrievalRecorder, SilentRecorder
from cmr.training import loop
from cmr.training.loop import Validation
from cmr.workspace.runs import Run


class Trainer(PairsTrainer):
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
      distillation: how the teachers count; None without.
      teachers: what they say of the training split.
    """

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
        distillation: DistillationConfig | None = None,
        teachers: TeacherRows | None = None,
    ):
        check_replicas(config, strategy.num_replicas_in_sync)
        self._train = train
        self._val = val
        self._tuned_cnns = tuned_cnns
        self._teachers = teachers
        self._schedule = Schedule(train.lengths, config)
        self._embedder = SplitEmbedder(model)
        parts = tuned_cnns.parts if tuned_cnns else {}
        steps = self._schedule.steps_per_epoch
        super().__init__(model, config, strategy, run, recorder, steps, parts, cnn_rate, distillation)

    def take_temperature(self, begins_with: Run) -> None:
        """Takes over the temperature that another run's loss has learnt; its weights hold none.

        Args:
          begins_with: the run; one whose checkpoints were removed leaves the temperature as it is.

        Raises:
          WorkspaceError: its last state is damaged.
        """
        if not self._step.loss.weights:
            return
        last = loop.last_state(begins_with)
        if last is not None:
            with loop.whole_state(begins_with):
                tf.train.Checkpoint(loss=self._step.loss).restore(last).expect_partial()

    @property
    def trackables(self) -> Mapping[str, Any]:
        tracked = super().trackables
        return {**tracked, "cnns": dict(self._tuned_cnns.parts)} if self._tuned_cnns else tracked

    def _pipeline(
        self, epoch: int, first_step: int, num_replicas: int, worker: int, num_workers: int
    ) -> tf.data.Dataset:
        train = self._tuned_cnns.training_split(epoch) if self._tuned_cnns else self._train
        return training_batches(
            train, self._schedule, epoch, first_step, num_replicas, worker, num_workers, self._teachers
        )

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
        if self._tuned_cnns:
            with self._step.averaged_weights():
                self._tuned_cnns.write(self._run)
        self._write_best(self._model)
        self._recorder.best()
