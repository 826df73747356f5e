"""The start of a training on a workspace, and its steps, timed: what cmr.train does without flags, runs and epochs."""

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence

from cmr.cli import startup
from cmr.config import ModelConfig, TrainConfig
from cmr.data.order import Schedule
from cmr.workspace.paths import Workspace

_FEATURES = ("vgg16-fc7", "inception_v3")
_MORE_STEPS = 5


# Section 4.2 of the paper for MSCOCO.
_PAPER = TrainConfig(batch_size=100)


def seconds_to_first_step(workspace: Workspace) -> float:
    """Seconds from an empty process, but for its Python, until the first step of the paper's fusion model is done.

    A few more steps follow, so that the process's peak of memory is that of training.

    Args:
      workspace: with features of the names that the paper's CNNs have.
    """
    started = time.perf_counter()
    steps = _steps(workspace)
    next(steps)
    seconds = time.perf_counter() - started
    for _ in range(_MORE_STEPS):
        next(steps)
    return seconds


def time_steps(workspaces: Sequence[Workspace], steps: int) -> list[float]:
    """Median seconds of a step for each word of the batch's longest sentence, on each workspace.

    The GRU takes as many turns as that sentence has words, which differs from batch to batch. The workspaces take turns
    too, so that a noisy machine disturbs them alike.
    """
    running = [_steps(workspace) for workspace in workspaces]
    taken: list[list[float]] = [[] for _ in workspaces]
    for step in running:
        # The first one compiles.
        next(step)
    for _ in range(steps):
        for step, seconds in zip(running, taken, strict=True):
            started = time.perf_counter()
            words = next(step)
            seconds.append((time.perf_counter() - started) / words)
    return [statistics.median(seconds) for seconds in taken]


def _steps(workspace: Workspace) -> Iterator[int]:
    """Starts a training; every `next` is one step and gives the words of its longest sentence."""
    startup.import_tensorflow(show_logs=False)

    import numpy as np
    import tensorflow as tf

    from cmr.data import inputs
    from cmr.retrieval import batches
    from cmr.retrieval.model import retrieval_model
    from cmr.retrieval.step import TrainingStep

    opened = inputs.read_inputs(workspace, *_FEATURES)
    train = opened.split("train")
    # Held, as cmr.train holds it.
    val = opened.split("val")
    vgg_dim, image_dim = (opened.feature_dim(name) for name in ("vgg_features", "image_features"))
    model_config = ModelConfig("fusion", vgg_dim, image_dim, len(opened.vocabulary))
    kernel = np.random.default_rng(0).normal(size=(image_dim, model_config.text_space_dim)).astype(np.float32)
    model = retrieval_model(model_config, kernel)
    schedule = Schedule(train.lengths, _PAPER)
    step = TrainingStep(model, _PAPER, tf.distribute.get_strategy(), schedule.steps_per_epoch)
    for batch in itertools.chain.from_iterable(
        batches.training_batches(train, schedule, epoch, 0, 1) for epoch in itertools.count()
    ):
        # Read, because TensorFlow hands out results before they are computed.
        float(step(batch))
        yield batch["caption"].shape[1]
    del val
