"""One step of training on every replica: embeddings, negatives, loss, gradient, update."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import keras
import tensorflow as tf

from cmr.config import DistillationConfig, TrainConfig
from cmr.data import input_names
from cmr.finetuning import cnn_in_training
from cmr.retrieval.losses import ContrastiveLoss, PairwiseRankingLoss
from cmr.retrieval.negatives import different_image, hardest
from cmr.training import rates
from cmr.training.adam import FusedAdam

Loss = PairwiseRankingLoss | ContrastiveLoss

_OF_TEACHERS = (input_names.TEACHER_IMAGE, input_names.TEACHER_CAPTION)

# What a batch holds that the model does not read.
_BESIDE_INPUTS = (input_names.IMAGE_ROW, *_OF_TEACHERS)


def batch_loss(
    model: keras.Model,
    ranking_loss: Loss,
    batch: dict[str, tf.Tensor],
    num_queries: int,
    negatives: str,
) -> tf.Tensor:
    """The loss of one replica's queries (Eq. 6) against the negatives of all replicas.

    Args:
      model: of `model.retrieval_model`.
      ranking_loss: made for the strategy's number of replicas.
      batch: the model's inputs and `image_row` `[pairs]` int32; pair i is caption i with its image. The first
        `num_queries` pairs are queries, the others the negatives of `--negatives=epoch`. `teacher_image` and
        `teacher_caption` `[pairs, any]` float32 where teachers have embedded them.
      num_queries: queries on this replica.
      negatives: `epoch`, `batch` or `hardest`.

    Returns:
      A float32 scalar. Summed over the replicas it is the loss of the whole batch.
    """
    inputs = {name: value for name, value in batch.items() if name not in _BESIDE_INPUTS}
    embeddings = model(inputs, training=True)
    return loss_of_embeddings(
        ranking_loss,
        embeddings["image"],
        embeddings["caption"],
        batch[input_names.IMAGE_ROW],
        num_queries,
        negatives,
        tuple(batch[name] for name in _OF_TEACHERS if name in batch),
    )


def loss_of_embeddings(
    ranking_loss: Loss,
    images: tf.Tensor,
    captions: tf.Tensor,
    image_rows: tf.Tensor,
    num_queries: int,
    negatives: str,
    of_teachers: Sequence[tf.Tensor] = (),
) -> tf.Tensor:
    """The loss of pairs that are embedded already.

    Args:
      ranking_loss: see `batch_loss`, and so the last two.
      images: `[pairs, dim]` float32.
      captions: `[pairs, dim]` float32; caption i belongs to image i.
      image_rows: `[pairs]` int32, which image it is; equal rows are never negatives of each other.
      num_queries: queries on this replica.
      negatives: `epoch`, `batch` or `hardest`.
      of_teachers: the same images and captions as teachers embed them, for a `ContrastiveLoss`; none without.

    Returns:
      A float32 scalar.
    """
    queries = slice(0, num_queries)
    candidates = slice(num_queries, None) if negatives == "epoch" else queries
    positives, negative_captions, negative_images = _similarities(images, captions, queries, candidates)
    (candidate_rows,) = _gather(image_rows[candidates])
    mask = different_image(image_rows[queries], candidate_rows)
    captions_mask = images_mask = mask
    if negatives == "hardest":
        captions_mask = hardest(negative_captions, mask)
        images_mask = hardest(negative_images, mask)
    similarities = positives, negative_captions, negative_images
    taught = [_similarities(*of_teachers, queries, candidates)] if of_teachers else []
    return ranking_loss(*similarities, captions_mask, images_mask, *taught)


def _similarities(
    images: tf.Tensor, captions: tf.Tensor, queries: slice, candidates: slice
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of each query's own pair `[queries]`, of its image to the candidate captions, of its caption to the images."""
    candidate_images, candidate_captions = _gather(images[candidates], captions[candidates])
    return (
        tf.reduce_sum(images[queries] * captions[queries], axis=1),
        tf.matmul(images[queries], candidate_captions, transpose_b=True),
        tf.matmul(captions[queries], candidate_images, transpose_b=True),
    )


def _gather(*tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Joins each tensor's rows from all replicas; gradients flow back to the replica they came from."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return tensors
    return tuple(context.all_gather(tensor, axis=0) for tensor in tensors)


def _loss(config: TrainConfig, num_replicas: int, distillation: DistillationConfig | None) -> Loss:
    if config.loss == "softmax":
        taught = ()
        if distillation:
            taught = distillation.distillation_weight, distillation.distillation_temperature
        return ContrastiveLoss(config.reduction, num_replicas, *taught)
    return PairwiseRankingLoss(config.margin, config.reduction, num_replicas)


def _adam(config: TrainConfig, steps_per_epoch: int, factors: Sequence[float]) -> keras.optimizers.Optimizer:
    """Adam with its rate, or its two.

    In float16 the loss is scaled, so that small gradients are not lost, and the gradient is clipped behind that.

    Args:
      config: the training's settings.
      steps_per_epoch: batches of an epoch.
      factors: of the rate, for each weight; none: the rate is that of all.
    """
    rate = rates.falling(config.learning_rate, config.decay_epochs, steps_per_epoch)
    # The average begins with the weights after the first step.
    average = {"use_ema": config.average_weights > 0, "ema_momentum": config.average_weights}
    if config.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(
            FusedAdam(rate, factors, global_clipnorm=config.clip_norm, **average)
        )
    return FusedAdam(rate, factors, **average)


class TrainingStep:
    """Trains a model by one batch.

    Args:
      model: of `model.retrieval_model`, made in the strategy's scope.
      config: the training's settings.
      strategy: distributes the batch.
      steps_per_epoch: batches of an epoch, by which the rate's decay and the warm-up count.
      cnns: input name of the image encoder -> the CNN, or the part of one, that is trained too; batches have under this
        name what it reads.
      cnn_rate: share of the rate that is theirs.
      distillation: how teachers count, whose embeddings batches have then; None without.

    Attributes:
      loss: of the batch; one with a temperature trains it with the model.
      variables: what is trained.
      optimizer: Adam.
    """

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        strategy: tf.distribute.Strategy,
        steps_per_epoch: int,
        cnns: Mapping[str, keras.Model] | None = None,
        cnn_rate: float = 1.0,
        distillation: DistillationConfig | None = None,
    ):
        self._model = model
        self._cnns = cnns or {}
        self._config = config
        self._strategy = strategy
        self._num_replicas = strategy.num_replicas_in_sync
        self._warm_up_steps = config.warm_up_epochs * steps_per_epoch
        self._functions: dict[str, Callable] = {}
        with strategy.scope():
            self.loss = _loss(config, self._num_replicas, distillation)
            own = [*model.trainable_variables, *self.loss.trainable_variables]
            of_cnns = [variable for cnn in self._cnns.values() for variable in cnn.trainable_variables]
            self.variables = own + of_cnns
            factors = [1.0] * len(own) + [cnn_rate] * len(of_cnns) if of_cnns else ()
            self.optimizer = _adam(config, steps_per_epoch, factors)
            self.optimizer.build(self.variables)

    @property
    def learning_rate(self) -> float:
        return float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))

    @contextlib.contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Lends the model the average of its weights, where the settings keep one, until the block ends."""
        if not self._config.average_weights:
            yield
            return
        lent = [keras.ops.convert_to_numpy(variable) for variable in self.variables]
        self.optimizer.finalize_variable_values(self.variables)
        try:
            yield
        finally:
            for variable, value in zip(self.variables, lent, strict=True):
                variable.assign(value)

    def __call__(self, batch) -> tf.Tensor:
        """Updates the model; returns the batch's loss, a float32 scalar."""
        # As with the rate, the optimizer's count tells a resumed run where it is.
        warms_up = keras.ops.convert_to_numpy(self.optimizer.iterations) < self._warm_up_steps
        return self._function(batch, "batch" if warms_up else self._config.negatives)(batch)

    def _function(self, batch, negatives: str) -> Callable:
        """The compiled step for batches of any size, traced once."""
        if negatives not in self._functions:
            function = tf.function(lambda batch: self._train(batch, negatives), reduce_retracing=True)
            if all(isinstance(value, tf.Tensor) for value in batch.values()):
                # Left to itself TensorFlow traces the first batch's sizes, and sizes in general with the second batch.
                specs = {name: tf.TensorSpec(self._shape(name, value), value.dtype) for name, value in batch.items()}
                function = function.get_concrete_function(specs)
            self._functions[negatives] = function
        return self._functions[negatives]

    def _shape(self, name: str, value: tf.Tensor) -> list[int | None]:
        """Of any batch: of as many pairs as there are, and where the model's input is of any length, of any length."""
        is_models = name in self._model.input and name not in self._cnns
        return [None, *(self._model.input[name] if is_models else value).shape[1:]]

    def _train(self, batch, negatives: str) -> tf.Tensor:
        of_replicas = self._strategy.run(self._on_replica, args=(batch, negatives))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, of_replicas, axis=None)

    def _on_replica(self, batch: dict[str, tf.Tensor], negatives: str) -> tf.Tensor:
        num_queries = self._config.batch_size // self._num_replicas
        with tf.GradientTape() as tape:
            inputs = cnn_in_training.with_features(self._cnns, batch)
            loss = batch_loss(self._model, self.loss, inputs, num_queries, negatives)
            minimised = self.optimizer.scale_loss(loss)
        self.update(tape.gradient(minimised, self.variables))
        return loss

    def update(self, gradients: Sequence[tf.Tensor | tf.IndexedSlices]) -> None:
        """Clips the whole batch's gradient and lets Adam apply it; runs on every replica.

        Args:
          gradients: this replica's, one for each of `variables`.
        """
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        # The norm is that of the whole batch's gradient, so it is summed over replicas before it is clipped.
        gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if self._config.precision != "mixed_float16":
            norm = tf.sqrt(2.0 * tf.add_n([tf.nn.l2_loss(gradient) for gradient in gradients]))
            factor = self._config.clip_norm / tf.maximum(norm, self._config.clip_norm)
            gradients = [gradient * factor for gradient in gradients]
        self.optimizer.apply(gradients, self.variables)
