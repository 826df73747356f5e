"""Margin sweeps whose numbers are given and not trained."""

from cmr import metrics
from experiments import margin_points


def measured(sentence_recall_at_1: float, image_recall_at_1: float) -> metrics.BothDirections:
    """Metrics whose other recalls are all zero, so that the sum is of these two."""
    return metrics.BothDirections(
        *(
            metrics.RetrievalMetrics(recall, 0.0, 0.0, 5, 9.5, 10)
            for recall in (sentence_recall_at_1, image_recall_at_1)
        )
    )


def point(
    margin: float, sentence: float, image: float, image_norm: bool = True, seed: int = 0, epoch: int = 1
) -> margin_points.Point:
    setting = margin_points.Setting(margin, image_norm, seed)
    return margin_points.Point(setting, f"run-{margin}-{image_norm}-{seed}", epoch, measured(sentence, image))


def sweep(*points: margin_points.Point) -> margin_points.Sweep:
    return margin_points.Sweep("flickr8k/fusion", ("laptop",), "flickr8k", points)
