"""What TensorBoard's HParams page shows of a margin sweep: a session a run, the sessions of a margin in one group."""

import pathlib
import shutil

import tensorflow as tf
from tensorboard.plugins.hparams import api as hp

from experiments.margin_sweep.points import Point, Sweep

_MARGIN = "margin"
_IMAGE_NORM = "image_norm_in_loss"
# As cmr.train names them in its own events.
_SUM = "val/sum_of_recalls"
_DIRECTIONS = {"sentence_retrieval": "sentence", "image_retrieval": "image"}
_RECALLS = {"recall_at_1": "R@1", "recall_at_5": "R@5", "recall_at_10": "R@10", "median_rank": "Med r"}


def write(sweep: Sweep, folder: pathlib.Path) -> None:
    """Writes the sweep's events in place of the folder's old ones.

    Args:
      sweep: the trained points.
      folder: TensorBoard's log folder.
    """
    # Events can't be replaced one by one: what is written twice is shown twice.
    partial = folder.with_name(f".tmp.{folder.name}")
    if partial.exists():
        shutil.rmtree(partial)
    _write_experiment(sweep, partial)
    for point in sweep.points:
        _write_session(point, partial / point.run)
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def _write_experiment(sweep: Sweep, folder: pathlib.Path) -> None:
    settings = [point.setting for point in sweep.points]
    hparams = [
        hp.HParam(_MARGIN, hp.Discrete(sorted({setting.margin for setting in settings}))),
        hp.HParam(_IMAGE_NORM, hp.Discrete(sorted({setting.image_norm for setting in settings}))),
    ]
    names = [
        (f"val_{key}/{name}", f"{of} {shown}") for key, of in _DIRECTIONS.items() for name, shown in _RECALLS.items()
    ]
    metrics = [hp.Metric(tag, display_name=shown) for tag, shown in [(_SUM, "sum of recalls"), *names]]
    with tf.summary.create_file_writer(str(folder)).as_default():
        hp.hparams_config(hparams, metrics)


def _write_session(point: Point, folder: pathlib.Path) -> None:
    # The seed is left out: runs that differ in it alone are one group, of which TensorBoard shows the mean.
    hparams = {_MARGIN: point.setting.margin, _IMAGE_NORM: point.setting.image_norm}
    with tf.summary.create_file_writer(str(folder)).as_default(step=point.epoch):
        hp.hparams(hparams)
        tf.summary.scalar(_SUM, point.validation.sum_of_recalls)
        for direction in _DIRECTIONS:
            measured = getattr(point.validation, direction)
            for name in _RECALLS:
                tf.summary.scalar(f"val_{direction}/{name}", getattr(measured, name))
