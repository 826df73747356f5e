"""The rank of every single query, kept beside a run's numbers so that they can be resampled and compared in pairs."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from cmr.errors import WorkspaceError
from cmr.evaluation.metrics import (
    BothDirections,
    RetrievalMetrics,
    image_retrieval_ranks,
    ranks_of_scores,
    sentence_retrieval_ranks,
)
from cmr.workspace import atomic_files
from cmr.workspace.numpy_files import UNREADABLE


@dataclasses.dataclass(frozen=True, eq=False)
class QueryRanks:
    """One-based ranks of both directions' queries, images in the order of captions.csv.

    Attributes:
      sentence_retrieval: `[num_images]` int64, of each image's best own sentence (`metrics.sentence_retrieval_ranks`).
      image_retrieval: `[num_captions]` int64, of each sentence's image (`metrics.image_retrieval_ranks`).
      image_of_caption: `[num_captions]` int64, row of each sentence's image in `sentence_retrieval`.
    """

    sentence_retrieval: np.ndarray
    image_retrieval: np.ndarray
    image_of_caption: np.ndarray

    def is_of_same_images(self, other: "QueryRanks") -> bool:
        """Whether both are of as many images with the same sentences, so that they can be compared query by query."""
        same_number = len(self.sentence_retrieval) == len(other.sentence_retrieval)
        return same_number and np.array_equal(self.image_of_caption, other.image_of_caption)

    @classmethod
    def of_embeddings(
        cls, image_embeddings: np.ndarray, caption_embeddings: np.ndarray, image_of_caption: np.ndarray
    ) -> "QueryRanks":
        """Ranks of embeddings, whose arguments and errors are those of `metrics.evaluate`."""
        arrays = image_embeddings, caption_embeddings, image_of_caption
        return cls(
            sentence_retrieval_ranks(*arrays),
            image_retrieval_ranks(*arrays),
            np.asarray(image_of_caption, np.int64),
        )

    @classmethod
    def of_scores(cls, scores: np.ndarray, image_of_caption: np.ndarray) -> "QueryRanks":
        """Ranks of a score of every pair, whose arguments and errors are those of `metrics.ranks_of_scores`."""
        return cls(*ranks_of_scores(scores, image_of_caption), np.asarray(image_of_caption, np.int64))

    @classmethod
    def concatenate(cls, folds: Sequence["QueryRanks"]) -> "QueryRanks":
        """Folds of a split one after the other; each rank stays the one within its fold."""
        firsts = np.cumsum([0, *(len(fold.sentence_retrieval) for fold in folds[:-1])])
        return cls(
            np.concatenate([fold.sentence_retrieval for fold in folds]),
            np.concatenate([fold.image_retrieval for fold in folds]),
            np.concatenate([fold.image_of_caption + first for fold, first in zip(folds, firsts, strict=True)]),
        )

    def metrics(self) -> BothDirections:
        """Recalls and ranks of all queries."""
        return BothDirections(
            RetrievalMetrics.from_ranks(self.sentence_retrieval),
            RetrievalMetrics.from_ranks(self.image_retrieval),
        )

    def write(self, path: str | os.PathLike) -> None:
        """Writes a compressed .npz with the attributes as entries."""
        with atomic_files.atomic_path(path) as temporary:
            np.savez_compressed(temporary, **{field.name: getattr(self, field.name) for field in _FIELDS})

    @classmethod
    def read(cls, path: str | os.PathLike) -> "QueryRanks":
        """Reads what `write` wrote.

        Raises:
          WorkspaceError: the file is missing or damaged.
        """
        try:
            with np.load(path) as entries:
                ranks = cls(*(entries[field.name] for field in _FIELDS))
                ranks._check()
        except UNREADABLE as error:
            raise WorkspaceError(
                f"{path} is missing or damaged; remove it and give the command again that wrote it"
            ) from error
        return ranks

    def _check(self) -> None:
        """Raises ValueError for what can't be ranks of one split."""
        arrays = [getattr(self, field.name) for field in _FIELDS]
        if any(array.ndim != 1 or array.dtype != np.int64 or not len(array) for array in arrays):
            raise ValueError("not 1-D arrays of int64")
        images, captions = len(self.sentence_retrieval), len(self.image_of_caption)
        if len(self.image_retrieval) != captions:
            raise ValueError("ranks for other sentences")
        # Ranks are one-based; an image ranks among images, a sentence among sentences.
        for array, low, high in zip(arrays, (1, 1, 0), (captions, images, images - 1), strict=True):
            if array.min() < low or array.max() > high:
                raise ValueError("numbers out of range")


_FIELDS = dataclasses.fields(QueryRanks)
