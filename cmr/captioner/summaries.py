"""What TensorBoard shows of a captioner's training: curves, flags, and sentences said of validation pictures."""

import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from cmr.captioner.cider import BEST
from cmr.captioner.looking import Looking
from cmr.captioner.loss import perplexity_of
from cmr.data.examples import Examples
from cmr.pictures.panel import GREEN, GREY, picture_panel
from cmr.training import curves
from cmr.training.curves import TrainingCurves

_NUM_PANELS = 6


class CaptionerRecorder(TrainingCurves):
    """Writes TensorBoard events.

    Args:
      path: folder of the events.
      flags_text: the command's flags, shown as text.
      val: the validation split.
      image_dir: folder of the pictures; where it lacks one, its panel shows the sentences alone.
    """

    def __init__(
        self,
        path: pathlib.Path,
        flags_text: str,
        val: Examples,
        image_dir: pathlib.Path,
    ):
        super().__init__(path, flags_text, "words_per_second")
        self._val = val
        self._image_dir = image_dir
        self._shown = curves.spread_over(val.num_images, _NUM_PANELS)

    def epoch(self, epoch: int, loss: float, learning_rate: float, items_per_second: float) -> None:
        """What an epoch of training came to; its perplexity is that with dropout."""
        super().epoch(epoch, loss, learning_rate, items_per_second)
        name, value = self._of_loss(loss)
        with self._writer.as_default(step=epoch):
            tf.summary.scalar(f"epoch/{name}", value)

    def _of_loss(self, loss: float) -> tuple[str, float]:
        """What people call an epoch's loss, and that value."""
        return "perplexity", perplexity_of(loss)

    def validation(self, epoch: int, measured: Looking, captions: Sequence[str]) -> None:
        """What an epoch's validation came to, and a few pictures with their captions and one of their own sentences.

        Args:
          epoch: from 1.
          measured: on the validation split.
          captions: of the validation images, one each.
        """
        with self._writer.as_default(step=epoch):
            tf.summary.scalar("val/perplexity", measured.perplexity)
            tf.summary.scalar("val/shuffled_perplexity", measured.shuffled_perplexity)
            tf.summary.scalar("val/distinct_captions", measured.distinct_captions)
            for image in self._shown:
                own = self._val.captions[int(np.argmax(self._val.image_of_caption == image))]
                panel = picture_panel(
                    self._image_dir / self._val.file_names[image],
                    [f"says: {captions[image]}", f"own: {own}"],
                    [GREEN, GREY],
                )
                tf.summary.image(f"captions/{self._val.image_ids[image]}", panel[None])


class SelfCriticalRecorder(CaptionerRecorder):
    """The same of self-critical training, whose loss is what the CIDEr of drawn sentences lacks of the best."""

    def _of_loss(self, loss: float) -> tuple[str, float]:
        return "cider", 100 * (BEST - loss)

    def cider(self, epoch: int, cider: float) -> None:
        """CIDEr of the most probable words for the validation images, in percent."""
        with self._writer.as_default(step=epoch):
            tf.summary.scalar("val/cider", cider)
