"""A training step on one replica and on two: the same loss, the same gradient, the same weights."""

import itertools

import keras
import numpy as np
import pytest
import random_teachers
import tensorflow as tf

from cmr import config
from cmr.config import DistillationConfig, ModelConfig, TrainConfig
from cmr.data import input_names
from cmr.data.order import Schedule
from cmr.retrieval import batches
from cmr.retrieval.losses import ContrastiveLoss, PairwiseRankingLoss
from cmr.retrieval.model import retrieval_model
from cmr.retrieval.step import TrainingStep, batch_loss
from cmr.training import distribution

STEPS_PER_EPOCH = 3

TAUGHT = DistillationConfig({}, 0.3, 0.2)


@pytest.fixture(scope="module")
def strategies():
    return {1: tf.distribute.get_strategy(), 2: distribution.mirrored(("CPU:0", "CPU:1"))}


@pytest.fixture(scope="module")
def train(scenes_inputs):
    return scenes_inputs.split("train")


def train_config(**changed):
    settings = {
        "margin": 0.7,
        "reduction": "sum",
        "negatives": "epoch",
        "num_negatives": 0,
        "batch_size": 40,
        "learning_rate": 0.01,
        "clip_norm": 1e9,
        "max_epochs": 1,
        "patience": 1,
        "checkpoint_steps": 1,
        "seed": 4,
    }
    return TrainConfig(**{**settings, **changed})


def new_model(train):
    keras.utils.set_random_seed(1)
    dims = {name: rows.array.shape[1] for name, rows in train.features.items()}
    return retrieval_model(
        ModelConfig(
            model="fusion",
            vgg_dim=dims[input_names.VGG_FEATURES],
            image_dim=dims[input_names.IMAGE_FEATURES],
            vocabulary_size=60,
            word_dim=6,
            gru_units=5,
            text_space_dim=4,
        )
    )


def distributed_batches(train, settings, strategy, teachers=None):
    schedule = Schedule(train.lengths, settings)
    return strategy.distribute_datasets_from_function(
        lambda context: batches.training_batches(
            train, schedule, 0, 0, strategy.num_replicas_in_sync, teachers=teachers
        )
    )


def train_steps(train, settings, strategy, steps, optimizer=None, teachers=None):
    """Losses of some steps, and how far they moved each weight that is trained."""
    with strategy.scope():
        model = new_model(train)
        step = TrainingStep(model, settings, strategy, STEPS_PER_EPOCH, distillation=teachers and TAUGHT)
        if optimizer:
            step.optimizer = optimizer()
            step.optimizer.build(step.variables)
    before = [weight.numpy() for weight in step.variables]
    iterator = iter(distributed_batches(train, settings, strategy, teachers))
    losses = [float(step(next(iterator))) for _ in range(steps)]
    moved = [weight.numpy() - old for weight, old in zip(step.variables, before, strict=True)]
    return losses, moved


class SummedDescent(keras.optimizers.SGD):
    """Takes gradients that are summed over the replicas, as FusedAdam does."""

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


def plain_gradient_descent():
    """Moves the weights by the very gradient, where Adam would hide its size."""
    return SummedDescent(1.0)


def plain_loss_and_gradient(train, settings, teachers=None):
    """The whole batch on one device, without strategy, clipping or optimizer."""
    model = new_model(train)
    loss_of_batch = {
        "hinge": lambda: PairwiseRankingLoss(settings.margin, settings.reduction),
        "softmax": lambda: ContrastiveLoss(
            settings.reduction, 1, TAUGHT.distillation_weight, TAUGHT.distillation_temperature
        ),
    }[settings.loss]()
    schedule = Schedule(train.lengths, settings)
    batch = next(iter(batches.training_batches(train, schedule, 0, 0, 1, teachers=teachers)))
    with tf.GradientTape() as tape:
        loss = batch_loss(model, loss_of_batch, batch, settings.batch_size, settings.negatives)
    gradient = tape.gradient(loss, [*model.trainable_variables, *loss_of_batch.trainable_variables])
    return float(loss), [tf.convert_to_tensor(part).numpy() for part in gradient]


def global_norm(arrays):
    return np.sqrt(sum(np.sum(np.square(array.astype(np.float64))) for array in arrays))


@pytest.mark.parametrize(
    ("loss", "negatives", "reduction", "is_taught"),
    [
        *itertools.product(["hinge"], config.NEGATIVES, config.REDUCTIONS, [False]),
        ("softmax", "batch", "mean", False),
        ("softmax", "epoch", "sum", True),
        ("softmax", "batch", "mean", True),
    ],
)
def test_two_replicas_of_20_compute_the_loss_and_gradient_of_one_of_40(
    train, strategies, loss, negatives, reduction, is_taught
):
    settings = train_config(loss=loss, negatives=negatives, reduction=reduction)
    teachers = random_teachers.rows_of(train) if is_taught else None
    expected_loss, expected_gradient = plain_loss_and_gradient(train, settings, teachers)

    (measured,), moved = train_steps(train, settings, strategies[2], 1, plain_gradient_descent, teachers)

    assert expected_loss > 0
    np.testing.assert_allclose(measured, expected_loss, rtol=1e-5)
    size = global_norm(expected_gradient)
    for part, expected in zip(moved, expected_gradient, strict=True):
        np.testing.assert_allclose(-part, expected, rtol=1e-4, atol=1e-6 * size)


def test_two_replicas_train_to_the_weights_of_one(train, strategies):
    settings = train_config(clip_norm=2.0)

    losses, moved = train_steps(train, settings, strategies[1], 3)
    losses_of_two, moved_of_two = train_steps(train, settings, strategies[2], 3)

    np.testing.assert_allclose(losses_of_two, losses, rtol=1e-5)
    for part, expected in zip(moved_of_two, moved, strict=True):
        np.testing.assert_allclose(part, expected, atol=1e-4)


@pytest.mark.parametrize(("replicas", "loss"), [(1, "hinge"), (2, "hinge"), (1, "softmax")])
def test_clipping_scales_the_whole_batchs_gradient_to_the_norm(train, strategies, replicas, loss):
    settings = train_config(clip_norm=0.25, loss=loss)
    _, gradient = plain_loss_and_gradient(train, settings)
    size = global_norm(gradient)

    _, moved = train_steps(train, settings, strategies[replicas], 1, plain_gradient_descent)

    assert size > 0.25
    np.testing.assert_allclose(global_norm(moved), 0.25, rtol=1e-4)
    for part, of_whole in zip(moved, gradient, strict=True):
        np.testing.assert_allclose(-part, of_whole * 0.25 / size, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_adam_averages_the_clipped_gradient_whatever_the_loss_is_scaled_by(train, strategies, precision, replicas):
    settings = train_config(clip_norm=0.25, precision=precision)
    strategy = strategies[replicas]
    with strategy.scope():
        step = TrainingStep(new_model(train), settings, strategy, STEPS_PER_EPOCH)

    step(next(iter(distributed_batches(train, settings, strategy))))

    # After one step Adam's first moment is (1 - beta_1) times the gradient.
    moments = [one.numpy() / 0.1 for one in step.optimizer.variables if "momentum" in one.path]
    assert len(moments) == len(step.variables)
    np.testing.assert_allclose(global_norm(moments), 0.25, rtol=1e-3)


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_average_is_lent_to_the_model_and_taken_back(train, strategies, replicas):
    settings = train_config(negatives="batch", average_weights=0.7)
    with strategies[replicas].scope():
        model = new_model(train)
        step = TrainingStep(model, settings, strategies[replicas], STEPS_PER_EPOCH)
    iterator = iter(distributed_batches(train, settings, strategies[replicas]))
    after_steps = []
    for _ in range(3):
        step(next(iterator))
        after_steps.append([weight.numpy() for weight in model.trainable_variables])

    with step.averaged_weights():
        averages = [weight.numpy() for weight in model.trainable_variables]

    first, second, third = after_steps
    for average, a, b, c in zip(averages, first, second, third, strict=True):
        np.testing.assert_allclose(average, 0.7 * (0.7 * a + 0.3 * b) + 0.3 * c, rtol=1e-4, atol=1e-6)
    for weight, last in zip(model.trainable_variables, third, strict=True):
        np.testing.assert_array_equal(weight.numpy(), last)


def test_a_step_lowers_the_loss_of_its_batch(train, strategies):
    settings = train_config(negatives="batch", learning_rate=0.003)
    model = new_model(train)
    step = TrainingStep(model, settings, strategies[1], STEPS_PER_EPOCH)
    batch = next(iter(distributed_batches(train, settings, strategies[1])))

    losses = [float(step(batch)) for _ in range(5)]

    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_the_learning_rate_is_adams(train, strategies):
    step = TrainingStep(new_model(train), train_config(learning_rate=0.03), strategies[1], STEPS_PER_EPOCH)

    assert isinstance(step.optimizer, keras.optimizers.Adam)
    np.testing.assert_allclose(step.learning_rate, 0.03, rtol=1e-6)


def test_the_rate_falls_to_a_tenth_after_the_epochs_asked_for(train, strategies):
    settings = train_config(learning_rate=0.03, decay_epochs=2, negatives="batch")
    step = TrainingStep(new_model(train), settings, strategies[1], STEPS_PER_EPOCH)
    batch = next(iter(distributed_batches(train, settings, strategies[1])))

    rates = []
    for _ in range(3 * STEPS_PER_EPOCH):
        rates.append(step.learning_rate)
        step(batch)

    np.testing.assert_allclose(rates, 2 * STEPS_PER_EPOCH * [0.03] + STEPS_PER_EPOCH * [0.003], rtol=1e-5)


def losses_of_steps(train, settings, strategy, steps, model=None, optimizer=None):
    """Losses of some steps on the same batch; the model and the optimizer, to go on with."""
    model = model or new_model(train)
    step = TrainingStep(model, settings, strategy, STEPS_PER_EPOCH)
    if optimizer:
        for variable, kept in zip(step.optimizer.variables, optimizer.variables, strict=True):
            variable.assign(kept)
    batch = next(iter(distributed_batches(train, settings, strategy)))
    return [float(step(batch)) for _ in range(steps)], model, step.optimizer


def test_a_warm_up_takes_all_negatives_of_the_batch_and_then_the_hardest(train, strategies):
    of_batch, model, _ = losses_of_steps(train, train_config(negatives="batch"), strategies[1], STEPS_PER_EPOCH)
    hardest, _, _ = losses_of_steps(train, train_config(negatives="hardest"), strategies[1], 1, model)

    settings = train_config(negatives="hardest", warm_up_epochs=1)
    losses, _, _ = losses_of_steps(train, settings, strategies[1], STEPS_PER_EPOCH + 1)

    assert losses == [*of_batch, *hardest]


def test_a_step_made_anew_goes_on_with_the_negatives_of_its_epoch(train, strategies):
    settings = train_config(negatives="hardest", warm_up_epochs=1)
    whole, _, _ = losses_of_steps(train, settings, strategies[1], 2 * STEPS_PER_EPOCH)

    first, *trained = losses_of_steps(train, settings, strategies[1], STEPS_PER_EPOCH - 1)
    second, *trained = losses_of_steps(train, settings, strategies[1], 2, *trained)
    third, *_ = losses_of_steps(train, settings, strategies[1], STEPS_PER_EPOCH - 1, *trained)

    assert [*first, *second, *third] == whole
