"""The course of a training's rate."""

from keras.optimizers.schedules import LearningRateSchedule, PiecewiseConstantDecay


def falling(rate: float, decay_epochs: int, steps_per_epoch: int) -> float | LearningRateSchedule:
    """A rate that falls to a tenth; an optimizer counts its steps itself, so a resumed run takes the right one.

    Args:
      rate: at first.
      decay_epochs: epochs after which it falls; 0: never.
      steps_per_epoch: batches of an epoch.
    """
    if not decay_epochs:
        return rate
    # The boundary is the last step of the higher rate, counted from 0.
    return PiecewiseConstantDecay([decay_epochs * steps_per_epoch - 1], [rate, rate / 10])
