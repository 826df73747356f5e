"""Sentences beside their embeddings, to be found by a picture."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from cmr.workspace.vocabulary import PAD_ID


@dataclasses.dataclass(frozen=True)
class Sentences:
    """Sentences and where they lie in the joint space.

    Attributes:
      texts: the sentences.
      rows: `[len(texts), dim]` float16 or float32, norm 1; may be on the disk.
    """

    texts: Sequence[str]
    rows: np.ndarray


def padded(tokens: Sequence[Sequence[int]]) -> np.ndarray:
    """Word ids of sentences: `[len(tokens), longest]` int32, padded with 0 on the right."""
    array = np.full((len(tokens), max(map(len, tokens))), PAD_ID, np.int32)
    for row, words in enumerate(tokens):
        array[row, : len(words)] = words
    return array
