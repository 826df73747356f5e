"""The files of TensorBoard's projector: images and sentences of the validation split in their joint space."""

import pathlib

import numpy as np

from cmr.data.examples import Examples
from cmr.evaluation.encoding import Embeddings
from cmr.pictures import panel
from cmr.training import curves
from cmr.workspace import atomic_files

_NUM_IMAGES = 300
# 300 images with 1,500 sentences are a sprite of 43 tiles a side; browsers show at least 4096 pixels.
_TILE = 48


class Projector:
    """Writes the projector's files, as the texts and the picture that it reads.

    Args:
      folder: of the files.
      val: the validation split.
      image_dir: folder of the pictures; where it lacks one, its point is a pale square.
    """

    def __init__(self, folder: pathlib.Path, val: Examples, image_dir: pathlib.Path):
        self._folder = folder
        self._val = val
        self._image_dir = image_dir
        self._images = curves.spread_over(val.num_images, _NUM_IMAGES)
        self._captions = np.flatnonzero(np.isin(val.image_of_caption, self._images))
        self._has_points = False

    def write(self, embeddings: Embeddings) -> None:
        """Writes the vectors, and before the first ones what the points are."""
        if not self._has_points:
            self._write_points()
            self._has_points = True
        vectors = np.concatenate([embeddings.images[self._images], embeddings.captions[self._captions]])
        lines = "\n".join("\t".join(f"{value:.5g}" for value in vector) for vector in vectors)
        atomic_files.write_text(self._folder / "embeddings.tsv", lines + "\n")

    def _write_points(self) -> None:
        val = self._val
        rows = [f"image\t{val.image_ids[image]}\t{_cell(val.file_names[image])}" for image in self._images]
        rows += [
            f"caption\t{val.image_ids[val.image_of_caption[caption]]}\t{_cell(val.captions[caption])}"
            for caption in self._captions
        ]
        atomic_files.write_text(
            self._folder / "embeddings_metadata.tsv", "kind\timage_id\ttext\n" + "\n".join(rows) + "\n"
        )
        pictures = [self._image_dir / val.file_names[image] for image in self._images]
        with atomic_files.atomic_path(self._folder / "embeddings_sprite.png") as temporary:
            panel.sprite(pictures, len(self._captions), _TILE).save(temporary)
        atomic_files.write_text(
            self._folder / "projector_config.pbtxt",
            'embeddings {\n  tensor_name: "joint space (validation)"\n  tensor_path: "embeddings.tsv"\n'
            '  metadata_path: "embeddings_metadata.tsv"\n'
            '  sprite {\n    image_path: "embeddings_sprite.png"\n'
            f"    single_image_dim: {_TILE}\n    single_image_dim: {_TILE}\n  }}\n}}\n",
        )


def _cell(text: str) -> str:
    return " ".join(text.split())
