"""Training: epochs, validation, early stopping, saved states and going on from them."""

import json
import math
import time

import keras
import tensorflow as tf

from cmr import (
    atomic_files,
    batches,
    distribution,
    encoding,
    errors,
    examples,
    metrics,
    progress,
    summaries,
    training_step,
)
from cmr import config as config_lib
from cmr import runs as runs_lib


class Trainer:
    """Trains a model to early stopping.

    What it has done stands in `state`, which is saved with the model and the optimizer; everything else follows from
    (seed, epoch, step), so a run that was killed goes on to the weights it would have had.

    Args:
      model: of `models.retrieval_model`, made in the strategy's scope.
      config: the settings.
      strategy: of tf.distribute.
      run: the run's folder.
      train: the training split.
      val: the validation split.
      recorder: what TensorBoard shows.
    """

    def __init__(
        self,
        model: keras.Model,
        config: config_lib.TrainConfig,
        strategy: tf.distribute.Strategy,
        run: runs_lib.Run,
        train: examples.Examples,
        val: examples.Examples,
        recorder: summaries.Recorder | summaries.SilentRecorder,
    ):
        batches.check_replicas(config, strategy.num_replicas_in_sync)
        self._model = model
        self._config = config
        self._strategy = strategy
        self._run = run
        self._train = train
        self._val = val
        self._recorder = recorder
        self._is_chief = distribution.is_chief(strategy)
        self._schedule = batches.Schedule(train.lengths, config)
        self._step = training_step.TrainingStep(model, config, strategy)
        self._state = {
            "epoch": tf.Variable(0, dtype=tf.int64, trainable=False),
            "step_in_epoch": tf.Variable(0, dtype=tf.int64, trainable=False),
            "best_sum_of_recalls": tf.Variable(-1.0, dtype=tf.float64, trainable=False),
            "epochs_without_gain": tf.Variable(0, dtype=tf.int64, trainable=False),
            "loss_sum": tf.Variable(0.0, dtype=tf.float64, trainable=False),
        }
        checkpoint = tf.train.Checkpoint(model=model, optimizer=self._step.optimizer, **self._state)
        self._checkpoints = tf.train.CheckpointManager(checkpoint, str(run.checkpoints_dir), max_to_keep=1)

    def fit(self) -> None:
        """Trains until patience or epochs end; leaves the best weights in the run's folder."""
        self._restore()
        while not self._is_done():
            self._train_epoch()
            self._validate()
            self._save()
        print(
            f"training ended after epoch {self._get('epoch')}, {self._get('epochs_without_gain')} without a better "
            "validation sum of recalls",
            flush=True,
        )

    def _restore(self) -> None:
        if self._checkpoints.latest_checkpoint is None:
            return
        try:
            self._checkpoints.checkpoint.restore(self._checkpoints.latest_checkpoint).assert_consumed()
        # TensorFlow reports a file that was cut as an IndexError.
        except (AssertionError, ValueError, IndexError, tf.errors.OpError) as error:
            raise errors.WorkspaceError(
                f"{self._run.checkpoints_dir} holds no whole state of this model; remove the run's folder"
            ) from error
        print(f"going on from epoch {self._get('epoch') + 1}, step {self._get('step_in_epoch')}", flush=True)

    def _is_done(self) -> bool:
        return (
            self._get("epoch") >= self._config.max_epochs or self._get("epochs_without_gain") >= self._config.patience
        )

    def _train_epoch(self) -> None:
        epoch, first = int(self._get("epoch")), int(self._get("step_in_epoch"))
        steps = self._schedule.steps_per_epoch
        total = self._get("loss_sum")
        started, pairs = time.monotonic(), 0
        dataset = self._strategy.distribute_datasets_from_function(
            lambda context: batches.training_batches(
                self._train,
                self._schedule,
                epoch,
                first,
                self._strategy.num_replicas_in_sync,
                context.input_pipeline_id,
                context.num_input_pipelines,
            )
        )
        with progress.progress_bar(steps, "step", f"epoch {epoch + 1}/{self._config.max_epochs}", first) as bar:
            for step, batch in enumerate(dataset, start=first + 1):
                loss = float(self._step(batch))
                if not math.isfinite(loss):
                    raise errors.ConfigError(
                        f"the loss is {loss} at step {step} of epoch {epoch + 1}; lower --learning_rate"
                    )
                total += loss
                pairs += self._config.batch_size
                bar.update()
                bar.set_postfix(loss=f"{total / step:.3f}", refresh=False)
                self._recorder.step_loss(epoch * steps + step, loss)
                if step % self._config.checkpoint_steps == 0 and step < steps:
                    self._set(step_in_epoch=step, loss_sum=total)
                    self._save()
        rate = pairs / max(time.monotonic() - started, 1e-9)
        self._set(step_in_epoch=steps, loss_sum=total)
        self._recorder.epoch(epoch + 1, total / steps, self._step.learning_rate, rate)
        print(f"epoch {epoch + 1}: loss {total / steps:.4f}, {rate:.0f} sentences/s", flush=True)

    def _validate(self) -> None:
        measured, embeddings = encoding.evaluate_split(self._model, self._val)
        epoch, best = int(self._get("epoch")) + 1, self._get("best_sum_of_recalls")
        gained = measured.sum_of_recalls > best
        if gained:
            self._write_best()
        self._recorder.validation(epoch, measured, embeddings)
        self._append_history(epoch, measured)
        print(f"         val {_one_line(measured)}{' (best so far, kept)' if gained else ''}", flush=True)
        self._set(
            epoch=epoch,
            step_in_epoch=0,
            loss_sum=0.0,
            best_sum_of_recalls=max(best, measured.sum_of_recalls),
            epochs_without_gain=0 if gained else self._get("epochs_without_gain") + 1,
        )

    def _write_best(self) -> None:
        if self._is_chief:
            with atomic_files.atomic_path(self._run.best_weights) as temporary:
                self._model.save_weights(temporary)

    def _append_history(self, epoch: int, measured: metrics.BothDirections) -> None:
        if not self._is_chief:
            return
        kept = json.loads(self._run.history_json.read_text()) if self._run.history_json.exists() else []
        # An epoch that a killed run had already written is written again, with the same numbers.
        kept = [row for row in kept if row["epoch"] < epoch]
        row = {
            "epoch": epoch,
            "loss": self._get("loss_sum") / self._schedule.steps_per_epoch,
            "val": measured.to_dict(),
        }
        atomic_files.write_text(self._run.history_json, json.dumps([*kept, row], indent=1) + "\n")

    def _save(self) -> None:
        self._recorder.flush()
        if self._is_chief:
            self._checkpoints.save()

    def _get(self, name: str) -> float:
        return self._state[name].numpy().item()

    def _set(self, **values: float) -> None:
        for name, value in values.items():
            self._state[name].assign(value)


def _one_line(measured: metrics.BothDirections) -> str:
    def recalls(direction: metrics.RetrievalMetrics) -> str:
        values = (direction.recall_at_1, direction.recall_at_5, direction.recall_at_10)
        return " ".join(f"{value:.1f}" for value in values) + f" Med r {direction.median_rank:g}"

    return (
        f"sentence R@1/5/10 {recalls(measured.sentence_retrieval)}, image {recalls(measured.image_retrieval)}, "
        f"sum {measured.sum_of_recalls:.1f}"
    )
