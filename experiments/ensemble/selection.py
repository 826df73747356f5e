"""Which runs form an ensemble: greedy forward selection on the validation split, and what it does there."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from cmr.data import teacher_rows
from cmr.data.examples import Examples
from cmr.evaluation import similarities
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.similarities import PairScores, Similarities


@dataclasses.dataclass(frozen=True)
class Selection:
    """Members in the order in which they were taken.

    Attributes:
      members: names of runs; the first is the best one alone.
      scores: `[len(members)]` validation sums of recalls of the first one, the first two, ...
    """

    members: tuple[str, ...]
    scores: tuple[float, ...]


def mean_cosine(members: Sequence[Embeddings]) -> Embeddings:
    """Embeddings whose cosine is the mean of the members' cosines.

    Args:
      members: unit vectors of the same images and sentences, in spaces of any sizes.

    Returns:
      The vectors side by side, divided by the root of their number: unit vectors again.
    """
    return Embeddings(
        teacher_rows.side_by_side([member.images for member in members]),
        teacher_rows.side_by_side([member.captions for member in members]),
    )


def mean(members: Sequence[Similarities], split: Examples, folds: int = 1) -> Similarities:
    """What the members say together: the mean of their cosines.

    Where a member gives scores that are no cosines, such as log p, the mean of all members' scores in units of their
    standard deviation over a fold's pairs: a scale for each, on which no order within a member depends.

    Args:
      members: of one split.
      split: the examples.
      folds: parts of the split that are measured apart.
    """
    if all(isinstance(member, Embeddings) for member in members):
        return mean_cosine(members)
    if len(members) == 1:
        return members[0]
    of_folds = zip(*(similarities.matrices(member, split, folds) for member in members), strict=True)
    return PairScores(tuple(np.mean([_standardised(scores) for scores in fold], axis=0) for fold in of_folds))


def _standardised(scores: np.ndarray) -> np.ndarray:
    return (scores - scores.mean()) / max(float(scores.std()), 1e-12)


def measure(members: Sequence[Similarities], split: Examples) -> BothDirections:
    """Metrics of what the members say together of a whole split."""
    measured, _ = similarities.evaluate(mean(members, split), split)
    return measured


def select(candidates: Mapping[str, Similarities], split: Examples, max_members: int) -> Selection:
    """Takes the best run, then again and again the one that raises the sum of recalls most, until none does.

    Greedy forward selection without replacement: Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble selection from
    libraries of models", 2004.

    Args:
      candidates: name of a run -> what it says of the validation split.
      split: the validation split.
      max_members: runs at most.
    """
    members, scores = [], []
    while len(members) < min(max_members, len(candidates)):
        tried = {
            name: measure([candidates[member] for member in (*members, name)], split).sum_of_recalls
            for name in candidates
            if name not in members
        }
        # Of equals the first by name, so that the order of folders does not matter.
        best = min(tried, key=lambda name: (-tried[name], name))
        if scores and tried[best] <= scores[-1]:
            break
        members.append(best)
        scores.append(tried[best])
    return Selection(tuple(members), tuple(scores))
