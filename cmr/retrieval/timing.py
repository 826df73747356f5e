"""Where the time of a training step goes: its parts, each timed alone on the same batches."""

import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from cmr.config import ModelConfig, TrainConfig
from cmr.data import input_names, order
from cmr.data.examples import Examples
from cmr.data.order import Schedule
from cmr.retrieval import batches, text_encoder
from cmr.retrieval.step import TrainingStep, loss_of_embeddings
from cmr.training.adam import FusedAdam

WHOLE = "whole step"

_CLIP_NORM = TrainConfig.clip_norm


def time_parts(
    model: keras.Model,
    config: TrainConfig,
    strategy: tf.distribute.Strategy,
    train: Examples,
    steps: int,
) -> dict[str, float]:
    """Median seconds of a step's parts on one device.

    Args:
      model: of `model.retrieval_model`; its weights change.
      config: the training's settings.
      strategy: of one replica.
      train: the training split.
      steps: how often each part runs; all parts take turns, so that a noisy machine disturbs them alike.

    Returns:
      `input` (reading a batch), the two encoders with their gradients, `loss` with the gradient of the embeddings,
      `optimizer` (clipping and update), and the whole step.
    """
    schedule = Schedule(train.lengths, config)
    dataset = iter(batches.training_batches(train, schedule, 0, 0, 1).repeat())
    step = TrainingStep(model, config, strategy, schedule.steps_per_epoch)
    gradients = [tf.fill(variable.shape, 1e-3) for variable in step.variables]
    images, captions = model.get_layer("image_encoder"), model.get_layer("text_encoder")
    image_gradient, caption_gradient = _gradient_of(images), _gradient_of(captions)
    update = tf.function(lambda: step.update(gradients))
    loss_gradient = tf.function(lambda *embeddings: _loss_gradient(step, config, *embeddings), reduce_retracing=True)

    def parts(batch: Mapping[str, tf.Tensor]) -> dict[str, Callable[[], object]]:
        inputs = {name: batch[name] for name in images.input}
        embeddings = images(inputs), captions(batch[input_names.CAPTION]), batch[input_names.IMAGE_ROW]
        return {
            "text encoder": lambda: caption_gradient(batch[input_names.CAPTION]),
            "image encoder": lambda: image_gradient(inputs),
            "loss": lambda: loss_gradient(*embeddings),
            "optimizer": update,
            WHOLE: lambda: step(batch),
        }

    return {"input": _time_input(train, schedule, steps), **_medians(lambda: parts(next(dataset)), steps)}


def time_workers(
    model: keras.Model,
    config: TrainConfig,
    strategy: tf.distribute.Strategy,
    train: Examples,
    workers: Sequence[int],
    steps: int,
) -> dict[int, dict[str, float]]:
    """Median seconds of what one worker of several computes in a step: its part of the batch, and what is everybody's.

    Everybody compares its queries with the candidates of all, for which its own stand here several times over, and
    updates all weights. `hardest` is timed as `batch`, whose similarities it takes the largest of.

    Args:
      model: of `model.retrieval_model`; its weights change.
      config: the training's settings.
      strategy: of one replica.
      train: the training split.
      workers: numbers of workers.
      steps: how often each part runs; all take turns.

    Returns:
      By number of workers, 1 among them: `text encoder`, `image encoder`, `loss`, `optimizer`.
    """
    schedule = Schedule(train.lengths, config)
    step = TrainingStep(model, config, strategy, schedule.steps_per_epoch)
    gradients = [tf.fill(variable.shape, 1e-3) for variable in step.variables]
    images, captions = model.get_layer("image_encoder"), model.get_layer("text_encoder")
    image_gradient, caption_gradient = _gradient_of(images), _gradient_of(captions)
    update = tf.function(lambda: step.update(gradients))
    counts = sorted({1, *workers})
    datasets = {n: iter(batches.training_batches(train, schedule, 0, 0, n, 0, n).repeat()) for n in counts}
    losses = {n: _loss_of_worker(step, config, n) for n in counts}

    def parts_of(number: int) -> dict[tuple[int, str], Callable[[], object]]:
        batch = next(datasets[number])
        inputs = {name: batch[name] for name in images.input}
        embeddings = images(inputs), captions(batch[input_names.CAPTION]), batch[input_names.IMAGE_ROW]
        return {
            (number, "text encoder"): lambda: caption_gradient(batch[input_names.CAPTION]),
            (number, "image encoder"): lambda: image_gradient(inputs),
            (number, "loss"): lambda: losses[number](*embeddings),
            (number, "optimizer"): update,
        }

    medians = _medians(lambda: {key: part for n in counts for key, part in parts_of(n).items()}, steps)
    return {n: {part: seconds for (of, part), seconds in medians.items() if of == n} for n in counts}


def _loss_of_worker(step: TrainingStep, config: TrainConfig, num_workers: int) -> Callable:
    """A compiled function of one worker's embeddings and rows to the gradient of its loss."""
    queries = config.batch_size // num_workers
    candidates = slice(queries, None) if config.negatives == "epoch" else slice(0, queries)

    def of_all(part: tf.Tensor) -> tf.Tensor:
        return tf.concat([part[:queries], *[part[candidates]] * num_workers], axis=0)

    def gradient(images, captions, rows):
        with tf.GradientTape() as tape:
            tape.watch((images, captions))
            loss = loss_of_embeddings(step.loss, of_all(images), of_all(captions), of_all(rows), queries, "epoch")
        return tape.gradient(loss, (images, captions))

    return tf.function(gradient, reduce_retracing=True)


def time_text_encoders(
    config: ModelConfig, train: Examples, pairs: int, steps: int, against_torch: bool = False
) -> dict[str, float]:
    """Median seconds of a training step of the text encoder alone, with gradient, clipping and Adam, in several forms.

    Args:
      config: sizes of the model.
      train: the training split.
      pairs: sentences at once.
      steps: how often each form runs.
      against_torch: time PyTorch's packed GRU too (the extra `peers`).

    Returns:
      By form, the first one that of Eq. 2 in float32.
    """
    sizes = config.vocabulary_size, config.word_dim, config.gru_units
    forms = {
        "ours, reset before (Eq. 2)": _encoder_step(text_encoder.text_encoder(*sizes, reset_after=False), FusedAdam()),
        "ours, reset after": _encoder_step(text_encoder.text_encoder(*sizes, reset_after=True), FusedAdam()),
        "ours, reset before, bfloat16": _encoder_step(
            text_encoder.text_encoder(*sizes, reset_after=False, precision="mixed_bfloat16"), FusedAdam()
        ),
        "keras.layers.GRU(reset_after=False)": _encoder_step(_keras_gru(*sizes, False), keras.optimizers.Adam()),
        "keras.layers.GRU(reset_after=True)": _encoder_step(_keras_gru(*sizes, True), keras.optimizers.Adam()),
    }
    if against_torch:
        from cmr.retrieval import torch_text_encoder

        forms["PyTorch's packed nn.GRU"] = torch_text_encoder.training_step(config, _CLIP_NORM, autocast=False)
        forms["PyTorch's packed nn.GRU, autocast"] = torch_text_encoder.training_step(config, _CLIP_NORM, autocast=True)
    drawn = itertools.cycle(order.shuffled_batches(train.lengths, pairs, seed=0, epoch=0, stream=0))

    def parts() -> dict[str, Callable[[], object]]:
        caption = train.padded(next(drawn))
        return {name: lambda step=step: step(caption) for name, step in forms.items()}

    return _medians(parts, steps)


def _encoder_step(encoder: keras.Model, optimizer: keras.optimizers.Optimizer) -> Callable:
    variables = encoder.trainable_variables
    optimizer.build(variables)

    def step(caption: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(encoder(caption, training=True))
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(total, variables)]
        clipped, _ = tf.clip_by_global_norm(gradients, _CLIP_NORM)
        optimizer.apply(clipped, variables)
        return total

    return tf.function(step, input_signature=[tf.TensorSpec([None, None], tf.int32)])


def _keras_gru(vocabulary_size: int, word_dim: int, units: int, reset_after: bool) -> keras.Model:
    caption = keras.Input((None,), dtype="int32")
    words = keras.layers.Embedding(vocabulary_size, word_dim, mask_zero=True)(caption)
    state = keras.layers.GRU(units, reset_after=reset_after)(words)
    return keras.Model(caption, keras.layers.UnitNormalization()(state))


def _gradient_of(encoder: keras.Model) -> Callable:
    """A compiled function: inputs to the gradient of the sum of the embeddings."""

    def gradient(inputs):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(encoder(inputs, training=True))
        return tape.gradient(total, encoder.trainable_variables)

    return tf.function(gradient, reduce_retracing=True)


def _loss_gradient(step, config: TrainConfig, images, captions, rows):
    with tf.GradientTape() as tape:
        tape.watch((images, captions))
        loss = loss_of_embeddings(step.loss, images, captions, rows, config.batch_size, config.negatives)
    return tape.gradient(loss, (images, captions))


def _time_input(train: Examples, schedule: Schedule, steps: int) -> float:
    """Seconds of a batch when nothing else runs: what the input would cost if it were not read ahead."""
    dataset = iter(batches.training_batches(train, schedule, 0, 0, 1).repeat())
    next(dataset)
    started = time.perf_counter()
    for _ in range(steps):
        next(dataset)
    return (time.perf_counter() - started) / steps


def _medians(parts_of_step: Callable[[], Mapping[str, Callable[[], object]]], steps: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {}
    # Two rounds more than asked for: the first ones compile.
    for _ in range(steps + 2):
        for name, part in parts_of_step().items():
            started = time.perf_counter()
            _wait_for(part())
            taken.setdefault(name, []).append(time.perf_counter() - started)
    return {name: statistics.median(values[2:]) for name, values in taken.items()}


def _wait_for(result) -> None:
    """Reads one value, because TensorFlow hands out results before they are computed."""
    if isinstance(result, float):
        return
    first = tf.nest.flatten(result)[0]
    if isinstance(first, tf.IndexedSlices):
        first = first.values
    if first is not None:
        first.numpy()
