"""Adam in one pass is Keras's Adam."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cmr.training import distribution
from cmr.training.adam import FusedAdam


def variables():
    random = np.random.default_rng(0)
    return [keras.Variable(random.normal(size=shape).astype(np.float32)) for shape in ((5, 3), (3,))]


@pytest.mark.parametrize("settings", [{}, {"use_ema": True, "ema_momentum": 0.9}])
@pytest.mark.parametrize("halves", [False, True])
def test_ten_steps_give_the_weights_of_keras(settings, halves):
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([4], [0.1, 0.05]) if halves else 0.1
    ours, theirs = variables(), variables()
    optimizers = FusedAdam(rate, **settings), keras.optimizers.Adam(rate, **settings)
    random = np.random.default_rng(1)

    for _ in range(10):
        gradients = [tf.constant(random.normal(size=variable.shape), tf.float32) for variable in ours]
        for optimizer, weights in zip(optimizers, (ours, theirs), strict=True):
            optimizer.apply(gradients, weights)
    for optimizer, weights in zip(optimizers, (ours, theirs), strict=True):
        optimizer.finalize_variable_values(weights)

    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-5)


def test_a_state_that_keras_saved_goes_on(tmp_path):
    weights, gradients = variables(), [tf.ones((5, 3)), tf.ones(3)]
    saved = keras.optimizers.Adam(0.1)
    saved.apply(gradients, weights)
    path = tf.train.Checkpoint(optimizer=saved).save(str(tmp_path / "state"))
    restored = FusedAdam(0.1)
    restored.build(weights)

    tf.train.Checkpoint(optimizer=restored).restore(path).assert_consumed()

    assert int(restored.iterations.numpy()) == 1
    for one, other in zip(restored.variables, saved.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_two_replicas_take_a_gradient_that_is_summed_already_as_it_is():
    strategy = distribution.mirrored(("CPU:0", "CPU:1"))
    with strategy.scope():
        weights = keras.Variable([1.0, 2.0])
        optimizer = FusedAdam(0.1)
        optimizer.build([weights])
    apply = tf.function(lambda: strategy.run(lambda: optimizer.apply([tf.constant([0.5, -3.0])], [weights])))

    apply()

    # The first moment is a tenth of the gradient; the weights would not tell, as Adam's first step has one length.
    np.testing.assert_allclose(optimizer.variables[2].numpy(), [0.05, -0.3], rtol=1e-5)
