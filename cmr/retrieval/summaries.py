"""What TensorBoard shows of a run: its settings and curves, pictures with what was retrieved, embeddings."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from cmr.config import RunConfig
from cmr.data.examples import Examples
from cmr.evaluation import metrics
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.metrics import BothDirections
from cmr.pictures.panel import GREEN, GREY, picture_panel, pictures_panel
from cmr.retrieval import hparams
from cmr.retrieval.projector import Projector
from cmr.training import curves
from cmr.training.curves import TrainingCurves

_NUM_PANELS = 6
_RETRIEVED = 5


class RetrievalRecorder(TrainingCurves):
    """Writes TensorBoard events and the projector's files.

    Args:
      path: the folder `tensorboard` of a run.
      flags_text: the run's flags, shown as text.
      run_config: the run's settings.
      val: the validation split.
      image_dir: folder of the pictures; where it lacks one, a grey square stands for it.
    """

    def __init__(
        self, path: pathlib.Path, flags_text: str, run_config: RunConfig, val: Examples, image_dir: pathlib.Path
    ):
        super().__init__(path, flags_text, "examples_per_second")
        self._val = val
        self._image_dir = image_dir
        self._shown_images = curves.spread_over(val.num_images, _NUM_PANELS)
        self._shown_captions = curves.spread_over(val.num_captions, _NUM_PANELS)
        self._projector = Projector(path, val, image_dir)
        self._last: tuple[int, BothDirections, Mapping[str, np.ndarray]] | None = None
        with self._writer.as_default(step=0):
            tf.summary.text("run", hparams.title(run_config))
            hparams.write_session(run_config, path.parent.name)

    def validation(self, epoch: int, measured: BothDirections, embeddings: Embeddings) -> None:
        """What an epoch's validation came to: recalls, what was retrieved, and the projector's embeddings."""
        panels = self._panels(embeddings)
        with self._writer.as_default(step=epoch):
            tf.summary.scalar("val/sum_of_recalls", measured.sum_of_recalls)
            for direction in metrics.DIRECTIONS:
                of_direction = getattr(measured, direction)
                for name in metrics.METRICS:
                    tf.summary.scalar(f"val_{direction}/{name}", getattr(of_direction, name))
            _write_images(panels)
        self._last = epoch, measured, panels
        self._projector.write(embeddings)

    def best(self) -> None:
        """The last validation was the best so far: its numbers and pictures are kept beside those of later ones."""
        epoch, measured, panels = self._last
        with self._writer.as_default(step=epoch):
            hparams.write_best(measured)
            _write_images({f"best_{tag}": panel for tag, panel in panels.items()})

    def _panels(self, embeddings: Embeddings) -> Mapping[str, np.ndarray]:
        """Panels by their tags."""
        return {**self._panels_of_images(embeddings), **self._panels_of_captions(embeddings)}

    def _panels_of_images(self, embeddings: Embeddings) -> Mapping[str, np.ndarray]:
        shown = self._shown_images
        nearest, similarities = metrics.top_k(embeddings.images[shown], embeddings.captions, _RETRIEVED)
        return {
            f"top_sentences/{self._val.image_ids[image]}": sentences_panel(
                self._picture(image),
                [self._val.captions[caption] for caption in captions],
                [float(value) for value in values],
                [bool(self._val.image_of_caption[caption] == image) for caption in captions],
            )
            for image, captions, values in zip(shown, nearest, similarities, strict=True)
        }

    def _panels_of_captions(self, embeddings: Embeddings) -> Mapping[str, np.ndarray]:
        shown = self._shown_captions
        nearest, similarities = metrics.top_k(embeddings.captions[shown], embeddings.images, _RETRIEVED)
        return {
            f"top_pictures/sentence_{caption}": retrieved_pictures_panel(
                self._val.captions[caption],
                [self._picture(image) for image in images],
                [float(value) for value in values],
                [bool(image == self._val.image_of_caption[caption]) for image in images],
            )
            for caption, images, values in zip(shown, nearest, similarities, strict=True)
        }

    def _picture(self, image: int) -> pathlib.Path:
        return self._image_dir / self._val.file_names[image]


class SilentRecorder:
    """Stands in for a `RetrievalRecorder` on the workers that write nothing."""

    def step_loss(self, *_) -> None:
        """Writes nothing, like the rest."""

    epoch = validation = best = flush = step_loss


def sentences_panel(
    picture: pathlib.Path, captions: Sequence[str], similarities: Sequence[float], correct: Sequence[bool]
) -> np.ndarray:
    """A picture with its retrieved sentences below.

    Args:
      picture: the image file; a grey square that says so stands in for one that can't be read.
      captions: the sentences, best first.
      similarities: their cosines.
      correct: whether each belongs to the image; those are green and ticked.

    Returns:
      `[height, width, 3]` uint8, the same height for the same number of sentences.
    """
    rows = zip(captions, similarities, correct, strict=True)
    texts = [f"{_mark(is_correct, similarity)}  {caption}" for caption, similarity, is_correct in rows]
    colours = [GREEN if is_correct else GREY for is_correct in correct]
    return picture_panel(picture, texts, colours)


def retrieved_pictures_panel(
    caption: str, pictures: Sequence[pathlib.Path], similarities: Sequence[float], correct: Sequence[bool]
) -> np.ndarray:
    """A sentence with its retrieved pictures below.

    Args:
      caption: the sentence.
      pictures: the image files, best first; a grey square with its name stands in for one that can't be read.
      similarities: their cosines.
      correct: whether each is the sentence's own; that has a green frame, and is ticked.

    Returns:
      `[height, width, 3]` uint8, the same height for the same number of pictures.
    """
    labels = [_mark(is_correct, similarity) for similarity, is_correct in zip(similarities, correct, strict=True)]
    return pictures_panel(caption, pictures, labels, correct)


def _mark(is_correct: bool, similarity: float) -> str:
    return f"{'[x]' if is_correct else '[ ]'} {similarity:.2f}"


def _write_images(panels: Mapping[str, np.ndarray]) -> None:
    for tag, panel in panels.items():
        tf.summary.image(tag, panel[None])
