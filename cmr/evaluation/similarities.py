"""What a system says of the pairs of a split: embeddings of both sides, or a score of every pair.

measured, ranks = similarities.evaluate(said, split, folds)
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from cmr.data.examples import Examples
from cmr.errors import WorkspaceError
from cmr.evaluation import encoding, metrics
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.query_ranks import QueryRanks
from cmr.workspace import atomic_files
from cmr.workspace.numpy_files import UNREADABLE

_FOLD = "fold"


@dataclasses.dataclass(frozen=True, eq=False)
class PairScores:
    """A score of every pair of an image and a sentence of one fold, for systems whose score is no cosine.

    Attributes:
      folds: of each part of the split `[its images, its captions]` float32, the more the better.
    """

    folds: tuple[np.ndarray, ...]


Similarities = Embeddings | PairScores


def evaluate(said: Similarities, split: Examples, folds: int = 1) -> tuple[BothDirections, QueryRanks]:
    """Metrics of a split, or the mean over its equal parts.

    Args:
      said: of the split.
      split: the examples.
      folds: number of parts.

    Returns:
      The metrics, and the ranks within the folds that they came from.
    """
    if isinstance(said, Embeddings):
        return encoding.evaluate_embeddings(said, split, folds)
    ranks = [
        QueryRanks.of_scores(scores, split.image_of_caption[captions] - images.start)
        for scores, (images, captions) in zip(said.folds, split.folds(folds), strict=True)
    ]
    return metrics.mean_over_folds([fold.metrics() for fold in ranks]), QueryRanks.concatenate(ranks)


def matrices(said: Similarities, split: Examples, folds: int = 1) -> Iterator[np.ndarray]:
    """The score of every pair of each fold: `[its images, its captions]` float32; of embeddings the dot products."""
    if isinstance(said, PairScores):
        yield from said.folds
        return
    for images, captions in split.folds(folds):
        yield said.images[images] @ said.captions[captions].T


def write(path: str | os.PathLike, said: Similarities) -> None:
    """Writes an .npz: `images` and `captions`, or `fold0`, `fold1`, ..."""
    if isinstance(said, Embeddings):
        entries = dataclasses.asdict(said)
    else:
        entries = {f"{_FOLD}{number}": scores for number, scores in enumerate(said.folds)}
    with atomic_files.atomic_path(path) as temporary:
        np.savez(temporary, **entries)


def read(path: str | os.PathLike, split: Examples, folds: int = 1) -> Similarities:
    """Reads what `write` wrote.

    Args:
      path: of the file.
      split: that it is of.
      folds: number of parts that the split was measured in.

    Raises:
      WorkspaceError: the file is missing, damaged or of another split.
    """
    path = pathlib.Path(path)
    try:
        with np.load(path) as entries:
            if _FOLD + "0" in entries:
                said = PairScores(tuple(entries[f"{_FOLD}{number}"] for number in range(len(entries.files))))
            else:
                said = Embeddings(entries["images"], entries["captions"])
        _check(said, split, folds)
    except UNREADABLE as error:
        raise WorkspaceError(
            f"{path} is missing or damaged; remove metrics.json beside it and give the run's cmr.compare command "
            "again, which writes both"
        ) from error
    return said


def _check(said: Similarities, split: Examples, folds: int) -> None:
    """Raises ValueError for what can't be of a split's pairs."""
    if isinstance(said, Embeddings):
        arrays, rows = (said.images, said.captions), (split.num_images, split.num_captions)
        is_of_split = [len(array) for array in arrays] == [*rows] and all(array.ndim == 2 for array in arrays)
    else:
        parts = [(images.stop - images.start, len(captions)) for images, captions in split.folds(folds)]
        is_of_split = [scores.shape for scores in said.folds] == parts
    if not is_of_split:
        raise ValueError("of other pairs")
