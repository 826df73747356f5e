"""What TensorBoard shows of the phase of the text encoder alone."""

import tensorflow as tf

from cmr.evaluation.metrics import BothDirections
from cmr.training.curves import TrainingCurves


class TextRecorder(TrainingCurves):
    """Writes its events; arguments are those of `TrainingCurves`."""

    def validation(self, epoch: int, measured: BothDirections) -> None:
        """How well sentences found others of their image, behind an epoch."""
        with self._writer.as_default(step=epoch):
            tf.summary.scalar("val/sum_of_recalls", measured.sum_of_recalls)
            for at, value in zip((1, 5, 10), measured.sentence_retrieval.recalls, strict=True):
                tf.summary.scalar(f"val_another_sentence/recall_at_{at}", value)
