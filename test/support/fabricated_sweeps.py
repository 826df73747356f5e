"""Margin sweeps whose numbers are given and not trained."""

from cmr.evaluation.metrics import BothDirections, RetrievalMetrics
from experiments.margin_sweep.points import Point, Setting, Sweep


def measured(sentence_recall_at_1: float, image_recall_at_1: float) -> BothDirections:
    """Metrics whose other recalls are all zero, so that the sum is of these two."""
    return BothDirections(
        *(RetrievalMetrics(recall, 0.0, 0.0, 5, 9.5, 10) for recall in (sentence_recall_at_1, image_recall_at_1))
    )


def point(
    margin: float, sentence: float, image: float, image_norm: bool = True, seed: int = 0, epoch: int = 1
) -> Point:
    setting = Setting(margin, image_norm, seed)
    return Point(setting, f"run-{margin}-{image_norm}-{seed}", epoch, measured(sentence, image))


def sweep(*points: Point) -> Sweep:
    return Sweep("flickr8k/fusion", ("laptop",), "flickr8k", points)
