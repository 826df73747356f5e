"""What TensorBoard shows of a run: curves, flags, retrieved sentences beside their pictures, embeddings."""

import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from cmr.data.examples import Examples
from cmr.evaluation import metrics
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.metrics import BothDirections
from cmr.pictures.panel import GREEN, GREY, picture_panel
from cmr.training import curves
from cmr.training.curves import TrainingCurves
from cmr.workspace import atomic_files

_NUM_PANELS = 6
_PANEL_SENTENCES = 5
_PROJECTOR_IMAGES = 300


class RetrievalRecorder(TrainingCurves):
    """Writes TensorBoard events and the projector's files.

    Args:
      path: folder of the events.
      flags_text: the run's flags, shown as text.
      val: the validation split.
      image_dir: folder of the pictures; where it lacks one, its panel shows the sentences alone.
    """

    def __init__(self, path: pathlib.Path, flags_text: str, val: Examples, image_dir: pathlib.Path):
        super().__init__(path, flags_text, "examples_per_second")
        self._val = val
        self._image_dir = image_dir
        self._shown = curves.spread_over(val.num_images, _NUM_PANELS)

    def validation(self, epoch: int, measured: BothDirections, embeddings: Embeddings) -> None:
        """Recalls of both directions, retrieved sentences and the projector's embeddings after an epoch."""
        with self._writer.as_default(step=epoch):
            tf.summary.scalar("val/sum_of_recalls", measured.sum_of_recalls)
            for direction in metrics.DIRECTIONS:
                of_direction = getattr(measured, direction)
                for name in metrics.METRICS:
                    tf.summary.scalar(f"val_{direction}/{name}", getattr(of_direction, name))
            self._write_panels(embeddings)
        self._write_projector(embeddings)

    def _write_panels(self, embeddings: Embeddings) -> None:
        nearest, similarities = metrics.top_k(embeddings.images[self._shown], embeddings.captions, _PANEL_SENTENCES)
        for image, captions, values in zip(self._shown, nearest, similarities, strict=True):
            panel = sentences_panel(
                self._image_dir / self._val.file_names[image],
                [self._val.captions[caption] for caption in captions],
                [float(value) for value in values],
                [bool(self._val.image_of_caption[caption] == image) for caption in captions],
            )
            tf.summary.image(f"top_sentences/{self._val.image_ids[image]}", panel[None])

    def _write_projector(self, embeddings: Embeddings) -> None:
        """Images and sentences in one space; written as the text files that the projector reads."""
        images = curves.spread_over(self._val.num_images, _PROJECTOR_IMAGES)
        captions = np.flatnonzero(np.isin(self._val.image_of_caption, images))
        vectors = np.concatenate([embeddings.images[images], embeddings.captions[captions]])
        rows = [f"image\t{self._val.image_ids[image]}\t{self._val.file_names[image]}" for image in images]
        rows += [
            f"caption\t{self._val.image_ids[self._val.image_of_caption[caption]]}\t{_cell(self._val.captions[caption])}"
            for caption in captions
        ]
        tensors = "\n".join("\t".join(f"{value:.5g}" for value in vector) for vector in vectors)
        atomic_files.write_text(self._path / "embeddings.tsv", tensors + "\n")
        atomic_files.write_text(
            self._path / "embeddings_metadata.tsv", "kind\timage_id\ttext\n" + "\n".join(rows) + "\n"
        )
        atomic_files.write_text(
            self._path / "projector_config.pbtxt",
            'embeddings {\n  tensor_name: "joint space (validation)"\n  tensor_path: "embeddings.tsv"\n'
            '  metadata_path: "embeddings_metadata.tsv"\n}\n',
        )


class SilentRecorder:
    """Stands in for a `RetrievalRecorder` on the workers that write nothing."""

    def step_loss(self, *_) -> None:
        """Writes nothing, like the rest."""

    epoch = validation = flush = step_loss


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
    texts = [
        f"{'[x]' if is_correct else '[ ]'} {similarity:.2f}  {caption}" for caption, similarity, is_correct in rows
    ]
    colours = [GREEN if is_correct else GREY for is_correct in correct]
    return picture_panel(picture, texts, colours)


def _cell(text: str) -> str:
    return " ".join(text.split())
