"""Which runs form an ensemble: greedy forward selection on the validation split, and what it does there."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.query_ranks import QueryRanks


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
    scale = np.float32(len(members) ** -0.5)
    return Embeddings(
        np.concatenate([member.images for member in members], axis=1) * scale,
        np.concatenate([member.captions for member in members], axis=1) * scale,
    )


def ranks(members: Sequence[Embeddings], image_of_caption: np.ndarray) -> QueryRanks:
    """Ranks of the members' mean cosine; a single member's are its own."""
    both = mean_cosine(members)
    return QueryRanks.of_embeddings(both.images, both.captions, image_of_caption)


def select(candidates: Mapping[str, Embeddings], image_of_caption: np.ndarray, max_members: int) -> Selection:
    """Takes the best run, then again and again the one that raises the sum of recalls most, until none does.

    Greedy forward selection without replacement: Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble selection from
    libraries of models", 2004.

    Args:
      candidates: name of a run -> its embeddings of the validation split.
      image_of_caption: `[num_captions]` int, row of each sentence's image.
      max_members: runs at most.
    """
    members, scores = [], []
    while len(members) < min(max_members, len(candidates)):
        tried = {
            name: ranks([candidates[member] for member in (*members, name)], image_of_caption).metrics().sum_of_recalls
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
