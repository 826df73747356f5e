"""One step of a captioner's training: loss of the words, gradient, update; into the CNN too in the second phase."""

import keras
import tensorflow as tf

from cmr.captioner.loss import word_losses
from cmr.config import CaptionerTrainConfig
from cmr.data import input_names
from cmr.finetuning.cnn_in_training import with_features
from cmr.training.adam import FusedAdam


class CaptionerStep:
    """Trains a captioner by one batch.

    Args:
      model: of `model.captioner_model`.
      config: the training's settings.
      steps_per_epoch: batches of an epoch.
      cnn: trained too, from the batch's pictures; its batch statistics and dropout stay as in extraction. None where
        the batch brings its features.

    Attributes:
      optimizer: Adam or SGD.
    """

    def __init__(
        self,
        model: keras.Model,
        config: CaptionerTrainConfig,
        steps_per_epoch: int,
        cnn: keras.Model | None = None,
    ):
        self._cnn = cnn
        self._clip_norm = config.clip_norm
        self._word_losses = word_losses(model, config.label_smoothing)
        self._variables = model.trainable_variables + (cnn.trainable_variables if cnn else [])
        rate = config.learning_rate
        if config.halve_every:
            rate = keras.optimizers.schedules.ExponentialDecay(
                rate, config.halve_every * steps_per_epoch, decay_rate=0.5, staircase=True
            )
        if config.decay == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, config.max_epochs * steps_per_epoch)
        self.optimizer = {"adam": FusedAdam, "sgd": keras.optimizers.SGD}[config.optimizer](rate)
        self.optimizer.build(self._variables)

    @property
    def learning_rate(self) -> float:
        return float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))

    @tf.function(reduce_retracing=True)
    def __call__(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Updates the weights.

        Args:
          batch: `caption` `[batch, time]` int32, and `image_features` `[batch, feature_dim]` float32 or, with a CNN,
            `pictures` `[batch, size, size, 3]` uint8.

        Returns:
          The mean loss of a word, a float32 scalar, and the number of words.
        """
        with tf.GradientTape() as tape:
            losses = self._losses(self._with_features(batch))
            loss = tf.reduce_mean(losses)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, self._variables), self._clip_norm)
        self.optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients], self._variables)
        return loss, tf.size(losses)

    def _losses(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The loss of each word that is not padding: `[num_words]` float32."""
        return self._word_losses(batch, True)[0]

    def _with_features(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        if self._cnn is None:
            return batch
        pictures = {input_names.IMAGE_FEATURES: batch[input_names.PICTURES]}
        features = with_features({input_names.IMAGE_FEATURES: self._cnn}, pictures)
        return {**features, input_names.CAPTION: batch[input_names.CAPTION]}
