"""The shared training of neural comparators, in the common training loop."""

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from cmr.comparators.system import NeuralSystem
from cmr.config import ComparatorTrainConfig
from cmr.data.examples import Examples
from cmr.errors import ConfigError
from cmr.evaluation import similarities
from cmr.training import loop
from cmr.training.loop import Limits, Recorder, TrainingLoop, Validation
from cmr.workspace import atomic_files
from cmr.workspace.runs import Run


class Trainer:
    """Trains a neural comparator to early stopping on the validation sum of recalls (a `loop.Task`).

    Args:
      system: which has not built its model yet.
      config: the course.
      run: the run's folder.
      train: the training split.
      val: the validation split.
      recorder: what TensorBoard shows.

    Raises:
      ConfigError: a batch has more sentences than the training split.
    """

    score_name = "sum of recalls"
    item_name = "sentences"

    def __init__(
        self,
        system: NeuralSystem,
        config: ComparatorTrainConfig,
        run: Run,
        train: Examples,
        val: Examples,
        recorder: Recorder,
    ):
        self.rate_flag = f"{system.settings.flag_prefix}_learning_rate"
        self._system = system
        self._config = config
        self._run = run
        self._train = train
        self._val = val.first_images(system.settings.val_images) if system.settings.val_images else val
        self._recorder = recorder
        self._steps = system.steps_per_epoch(train)
        if not self._steps:
            raise ConfigError(
                f"the training split has {train.num_captions} sentences, fewer than a batch; lower "
                f"--{system.settings.flag_prefix}_batch_size"
            )
        system.build(train)
        self._optimizer = system.optimizer()
        self._optimizer.build(system.model.trainable_variables)
        self._compiled_step = tf.function(self._train_step, reduce_retracing=True)

    def fit(self) -> None:
        """Trains until patience or epochs end; the system then has the best weights, which the run's folder keeps."""
        limits = Limits(self._config.max_epochs, self._config.patience, self._config.checkpoint_steps)
        TrainingLoop(self, limits, self._run, self._recorder).fit()
        self._run.check_best_weights()
        self._system.model.load_weights(self._run.best_weights)

    @property
    def steps_per_epoch(self) -> int:
        return self._steps

    @property
    def trackables(self) -> Mapping[str, Any]:
        model = self._system.model
        return {"model": model, "optimizer": self._optimizer, "dropout": loop.dropout_states(model)}

    @property
    def learning_rate(self) -> float:
        return float(self._optimizer.learning_rate)

    def batches(self, epoch: int, first_step: int) -> Iterable:
        return self._system.batches(self._train, epoch, first_step)

    def step(self, batch) -> tuple[tf.Tensor, int]:
        """Trains by one batch; returns its loss and its number of sentences."""
        tensors = {name: tf.convert_to_tensor(array) for name, array in batch.items()}
        return self._compiled_step(tensors), self._system.settings.batch_size

    def _train_step(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        weights = self._system.model.trainable_variables
        with tf.GradientTape() as tape:
            loss = self._system.loss(batch)
        # Those of word tables are dense from here on: what several words of a batch say of a row is added up before it
        # is clipped, or squared by an optimizer.
        gradients = [tf.convert_to_tensor(each) for each in tape.gradient(loss, [weight.value for weight in weights])]
        clipped, _ = tf.clip_by_global_norm(gradients, self._system.settings.clip_norm)
        self._optimizer.apply(clipped, weights)
        return loss

    def validate(self, epoch: int) -> Validation:
        """Measures both directions on the validation split."""
        measured, _ = similarities.evaluate(self._system.similarities(self._val), self._val)
        return Validation(measured.sum_of_recalls, measured.to_dict(), measured.one_line())

    def write_best(self) -> None:
        """Writes best.weights.h5 and its sum."""
        with atomic_files.atomic_path(self._run.best_weights) as temporary:
            self._system.model.save_weights(temporary)
        self._run.seal_best_weights()
