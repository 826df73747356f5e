"""What other runs say of the training split, as a training that learns from them reads it."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from cmr.workspace.stored_rows import StoredRows


def side_by_side(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Joins the unit vectors of several spaces to unit vectors whose dot products are the means of the spaces' own.

    Args:
      vectors: for each space `[rows, its dim]`.

    Returns:
      `[rows, sum of the dims]` float32.
    """
    joined = np.concatenate([np.asarray(each, np.float32) for each in vectors], axis=1)
    return joined * np.float32(len(vectors) ** -0.5)


@dataclasses.dataclass(frozen=True)
class TeacherRows:
    """Embeddings of the training split by one or more teachers.

    Attributes:
      images: for each teacher `[num_images, its dim]` float16 of norm 1.
      captions: for each teacher `[num_captions, its dim]` float16 of norm 1.
    """

    images: Sequence[np.ndarray | StoredRows]
    captions: Sequence[np.ndarray | StoredRows]

    @property
    def dim(self) -> int:
        """Size of the vectors of `take`."""
        return sum(each.shape[1] for each in self.images)

    def take(self, images: np.ndarray, captions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the teachers say together of images and of sentences, by their numbers.

        Args:
          images: `[any]`.
          captions: `[any]`.

        Returns:
          `[len(images), dim]` and `[len(captions), dim]` float32, whose dot product is the teachers' mean cosine.
        """
        return (
            side_by_side([each[images] for each in self.images]),
            side_by_side([each[captions] for each in self.captions]),
        )
