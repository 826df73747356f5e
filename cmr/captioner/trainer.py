"""Training of a captioner: its batches, its step and its validation, in the common training loop."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from cmr.captioner import files, looking
from cmr.captioner.batches import feature_batches, picture_batches, with_features_of
from cmr.captioner.decoding import Decoder
from cmr.captioner.looking import Looking
from cmr.captioner.loss import SplitLosses
from cmr.captioner.step import CaptionerStep
from cmr.captioner.summaries import CaptionerRecorder
from cmr.config import CaptionerTrainConfig
from cmr.data.examples import Examples
from cmr.errors import ConfigError
from cmr.finetuning.cnn_in_training import TrainedCnn
from cmr.pictures import cnn
from cmr.training import loop
from cmr.training.loop import Limits, TrainingLoop, Validation
from cmr.workspace import limits
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import Vocabulary


def check_batches(config: CaptionerTrainConfig, num_images: int, num_captions: int) -> None:
    """Refuses batches of more sentences than there are, or of more images where sentences are drawn.

    Args:
      config: the batch size.
      num_images: training images.
      num_captions: training sentences.

    Raises:
      ConfigError: naming the flag.
    """
    if config.samples_per_image and not 0 < config.images_per_step <= num_images:
        raise ConfigError(
            f"a step draws {config.batch_size} sentences, {config.samples_per_image} of an image, and the training "
            f"split has {num_images} images; give a --pretrain_batch_size between {config.samples_per_image} and "
            f"{config.samples_per_image * num_images}"
        )
    if not config.samples_per_image and num_captions < config.batch_size:
        raise ConfigError(
            f"the training split has {num_captions} sentences, fewer than a batch's {config.batch_size}; "
            "lower --pretrain_batch_size"
        )


class CaptionerTrainer:
    """Trains a captioner to early stopping on the validation perplexity (a `loop.Task`).

    Args:
      model: of `model.captioner_model`.
      config: the settings.
      run: the captioner's folder.
      train: the training split, with `image_features`.
      val: the validation split, likewise.
      words: of the captioner.
      recorder: what TensorBoard shows.
      trained_cnn: trained too (the second phase); None: the features are taken as they are.
    """

    score_name = "perplexity"
    item_name = "words"
    rate_flag = "pretrain_learning_rate"

    def __init__(
        self,
        model: keras.Model,
        config: CaptionerTrainConfig,
        run: Run,
        train: Examples,
        val: Examples,
        words: Vocabulary,
        recorder: CaptionerRecorder,
        trained_cnn: TrainedCnn | None = None,
    ):
        check_batches(config, train.num_images, train.num_captions)
        self._model = model
        self._config = config
        self._run = run
        self._train = train
        self._val = val
        self._words = words
        self._recorder = recorder
        self._trained_cnn = trained_cnn
        self._losses = SplitLosses(model)
        self._decoder = Decoder(model)
        self._prepare()

    def _prepare(self) -> None:
        """Makes what trains by a batch."""
        cnn_model = self._trained_cnn.encoder.model if self._trained_cnn else None
        self._step = CaptionerStep(self._model, self._config, self.steps_per_epoch, cnn_model)

    def fit(self) -> None:
        """Trains until patience or epochs end; leaves the best model in its folder."""
        limits = Limits(self._config.max_epochs, self._config.patience, self._config.checkpoint_steps)
        TrainingLoop(self, limits, self._run, self._recorder).fit()

    @property
    def steps_per_epoch(self) -> int:
        return self._train.num_captions // self._config.batch_size

    @property
    def trackables(self) -> Mapping[str, Any]:
        dropout = loop.dropout_states(self._model)
        tracked = {"model": self._model, "optimizer": self._step.optimizer, "dropout": dropout}
        return {**tracked, "cnn": self._trained_cnn.encoder.model} if self._trained_cnn else tracked

    @property
    def learning_rate(self) -> float:
        return self._step.learning_rate

    def batches(self, epoch: int, first_step: int) -> Iterable:
        """Batches from a step of an epoch on."""
        order = (self._config.batch_size, self._config.seed, epoch, first_step)
        if self._trained_cnn is None:
            return feature_batches(self._train, *order)
        pictures = self._trained_cnn.image_dir, self._trained_cnn.encoder.input_size
        return picture_batches(self._train, *pictures, *order, self._trained_cnn.max_pixels)

    def step(self, batch) -> tuple[tf.Tensor, tf.Tensor]:
        """Trains by one batch; returns the mean loss of a word and the number of words."""
        return self._step(batch)

    def validate(self, epoch: int) -> Validation:
        """Measures the perplexity of the validation split, with its own pictures and with exchanged ones."""
        val = self._val
        if self._trained_cnn is not None:
            pictures = self._trained_cnn.image_dir, self._trained_cnn.max_pixels
            val = with_features_of(self._trained_cnn.encoder, val, *pictures)
        measured, captions = looking.measure(self._decoder, self._losses, val, self._words)
        self._recorder.validation(epoch, measured, captions)
        entry, line = self._judge(epoch, measured, captions)
        return Validation(limits.score(entry), entry, line)

    def _judge(self, epoch: int, measured: Looking, captions: Sequence[str]) -> tuple[dict[str, Any], str]:
        """What history.json keeps of a validation, by which the epoch is judged, and a line of it for people."""
        return dataclasses.asdict(measured), str(measured)

    def write_best(self) -> None:
        """Writes captioner.keras, and the CNN beside it where it is trained."""
        files.write_model(self._run.path, self._model)
        if self._trained_cnn is not None:
            cnn.write_cnn(self._run.path, self._trained_cnn.encoder.model)
