"""What TensorBoard shows of a captioner's training: curves, flags, and sentences said of validation pictures."""

import math
import pathlib

import numpy as np
import tensorflow as tf

from cmr.captioner import decoding
from cmr.captioner.beam_search import SearchConfig
from cmr.captioner.decoding import Decoder
from cmr.data.examples import Examples, FeatureRows
from cmr.pictures.panel import GREEN, GREY, picture_panel
from cmr.training import curves
from cmr.training.curves import TrainingCurves
from cmr.workspace.vocabulary import Vocabulary

_NUM_PANELS = 6
_GREEDY = SearchConfig(width=1)


class CaptionerRecorder(TrainingCurves):
    """Writes TensorBoard events.

    Args:
      path: folder of the events.
      flags_text: the command's flags, shown as text.
      val: the validation split.
      words: of the captioner.
      image_dir: folder of the pictures; where it lacks one, its panel shows the sentences alone.
    """

    def __init__(
        self,
        path: pathlib.Path,
        flags_text: str,
        val: Examples,
        words: Vocabulary,
        image_dir: pathlib.Path,
    ):
        super().__init__(path, flags_text, "words_per_second")
        self._val = val
        self._words = words
        self._image_dir = image_dir
        self._shown = curves.spread_over(val.num_images, _NUM_PANELS)

    def epoch(self, epoch: int, loss: float, learning_rate: float, items_per_second: float) -> None:
        """What an epoch of training came to; its perplexity is that with dropout."""
        super().epoch(epoch, loss, learning_rate, items_per_second)
        with self._writer.as_default(step=epoch):
            tf.summary.scalar("epoch/perplexity", math.exp(min(loss, 700.0)))

    def validation(self, epoch: int, perplexity: float, decoder: Decoder, features: FeatureRows) -> None:
        """Perplexity after an epoch, and the most probable words for a few pictures, one of their own sentences below.

        Args:
          epoch: from 1.
          perplexity: of the validation split.
          decoder: of the captioner.
          features: of the validation images.
        """
        said_of_shown = decoding.caption_features(decoder, features.take(self._shown), _GREEDY)
        with self._writer.as_default(step=epoch):
            tf.summary.scalar("val/perplexity", perplexity)
            for image, sentences in zip(self._shown, said_of_shown, strict=True):
                said = decoding.text(sentences[0].words, self._words) if sentences else ""
                own = self._val.captions[int(np.argmax(self._val.image_of_caption == image))]
                panel = picture_panel(
                    self._image_dir / self._val.file_names[image],
                    [f"says: {said}", f"own: {own}"],
                    [GREEN, GREY],
                )
                tf.summary.image(f"captions/{self._val.image_ids[image]}", panel[None])
