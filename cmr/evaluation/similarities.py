"""What a system says of the pairs of a split: embeddings of both sides, or a score of every pair.

measured, ranks = similarities.evaluate(said, split, folds)
"""

import dataclasses
import os
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from cmr.data.examples import Examples
from cmr.errors import WorkspaceError
from cmr.evaluation import encoding, metrics
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.query_ranks import QueryRanks
from cmr.workspace import atomic_files

_UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error)
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


def read(path: str | os.PathLike) -> Similarities:
    """Reads what `write` wrote.

    Raises:
      WorkspaceError: the file is missing or damaged.
    """
    try:
        with np.load(path) as entries:
            if _FOLD + "0" in entries:
                return PairScores(tuple(entries[f"{_FOLD}{number}"] for number in range(len(entries.files))))
            return Embeddings(entries["images"], entries["captions"])
    except _UNREADABLE as error:
        raise WorkspaceError(
            f"{path} is missing or damaged; remove the run's folder and give its cmr.compare command again"
        ) from error
