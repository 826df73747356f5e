"""Takes off what a candidate has in common with every query, told by a bank of other queries.

Some candidates, the hubs, are near to most queries. With the likelihood of a candidate c as the softmax of t s(q, c),
the log of its ratio to what it is for any query, over t, is the corrected score:

    s'(q, c) = s(q, c) - h(c),    h(c) = 1/t log( 1/|B| sum_{b in B} exp(t s(b, c)) )

with the sentences of the bank B for images as candidates, and its images for sentences. An image's h is the same for
all candidates of its own queries, so one sum serves both directions, and dot products of longer vectors give it:

    s(q, c) - h(q) - h(c) = [q, -h(q), 1] . [c, 1, -h(c)]

Reference: Smith, Turban, Hamblin, Hammerla, "Offline bilingual word vectors, orthogonal transformations and the
inverted softmax", 2017; Bogolin, Croitoru, Jin, Liu, Albanie, "Cross modal retrieval with querybank normalisation",
2022. It is also log p(c | q) - log p(c), by which captioners rank (`comparators.nic`).
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from cmr.data.examples import Examples
from cmr.data.inputs import Inputs
from cmr.errors import ConfigError
from cmr.evaluation import encoding
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.similarities import Similarities

# Of t; what models with a learned temperature end at lies among them.
SCALES = (2.5, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0)

# Queries of a bank on either side; more of them change nothing and cost time at MSCOCO's size.
MAX_QUERIES = 30_000

# Candidates at once: 256 rows of similarities to 30,000 queries are 31 MB.
_BLOCK = 256


def hubness(candidates: np.ndarray, queries: np.ndarray, scale: float) -> np.ndarray:
    """How near candidates are to the queries of a bank, h(c).

    Args:
      candidates: `[num_candidates, dim]`.
      queries: `[num_queries, dim]`, at least one.
      scale: t, above 0.

    Returns:
      `[num_candidates]` float32.
    """
    result = np.empty(len(candidates), np.float32)
    transposed = np.ascontiguousarray(queries.T, np.float32)
    for start in range(0, len(candidates), _BLOCK):
        rows = slice(start, start + _BLOCK)
        similarities = np.asarray(candidates[rows], np.float32) @ transposed
        # The largest is taken out, so that no exponential overflows.
        largest = similarities.max(axis=1, keepdims=True)
        mean = np.exp(scale * (similarities - largest)).mean(axis=1, dtype=np.float64)
        result[rows] = largest[:, 0] + np.log(mean) / scale
    return result


def corrected(embeddings: Embeddings, bank: Embeddings, scale: float) -> Embeddings:
    """Embeddings whose dot products are the corrected scores of both directions.

    Args:
      embeddings: of a split.
      bank: whose images and sentences are the queries.
      scale: t.

    Returns:
      `[num_images, dim + 2]` and `[num_captions, dim + 2]` float32, not of norm 1.
    """
    of_images = hubness(embeddings.images, bank.captions, scale)[:, None]
    of_captions = hubness(embeddings.captions, bank.images, scale)[:, None]
    return Embeddings(
        np.concatenate([embeddings.images, -of_images, np.ones_like(of_images)], axis=1),
        np.concatenate([embeddings.captions, np.ones_like(of_captions), -of_captions], axis=1),
    )


def bank_of(embeddings: Embeddings) -> Embeddings:
    """The queries of a split as a bank: all of them, or of very many `MAX_QUERIES` on either side, always the same."""
    random = np.random.default_rng(0)

    def drawn(vectors: np.ndarray) -> np.ndarray:
        if len(vectors) <= MAX_QUERIES:
            return vectors
        return vectors[np.sort(random.choice(len(vectors), MAX_QUERIES, replace=False))]

    return Embeddings(drawn(embeddings.images), drawn(embeddings.captions))


@dataclasses.dataclass(frozen=True, eq=False)
class Correction:
    """How a system's scores are corrected.

    Attributes:
      bank: the queries; None: those of the split that is measured, all of which are looked at before one is answered.
      scale: t.
    """

    bank: Embeddings | None
    scale: float

    def of(self, embeddings: Embeddings, split: Examples, folds: int = 1) -> Embeddings:
        """Corrects a split, each fold by its own queries where there is no bank.

        Args:
          embeddings: of the split.
          split: the examples.
          folds: parts of the split that are measured apart.

        Returns:
          As `corrected`.
        """
        if self.bank is not None:
            return corrected(embeddings, self.bank, self.scale)
        dim = embeddings.images.shape[1] + 2
        images, captions = (np.empty((len(side), dim), np.float32) for side in (embeddings.images, embeddings.captions))
        for of_images, of_captions in split.folds(folds):
            fold = Embeddings(embeddings.images[of_images], embeddings.captions[of_captions])
            fold = corrected(fold, fold, self.scale)
            images[of_images], captions[of_captions] = fold.images, fold.captions
        return Embeddings(images, captions)

    @property
    def note(self) -> str:
        """What a table says of it."""
        queries = (
            f"{len(self.bank.images):,} images and {len(self.bank.captions):,} sentences of the training split"
            if self.bank is not None
            else "the test split's own images and sentences, all looked at before one of them is answered: not to be "
            "compared with rows that answer each query alone"
        )
        return f"Scores are corrected by a query bank, {queries}. Its scale, {self.scale:g}, is chosen on validation."


def choose(val: Embeddings, split: Examples, bank: Embeddings | None) -> Correction:
    """The correction whose scale, of `SCALES`, has the largest sum of recalls on the validation split.

    Args:
      val: the validation split's embeddings.
      split: its examples.
      bank: see `Correction`.
    """

    def sum_of_recalls(correction: Correction) -> float:
        return encoding.evaluate_embeddings(correction.of(val, split), split)[0].sum_of_recalls

    return max((Correction(bank, scale) for scale in SCALES), key=sum_of_recalls)


@dataclasses.dataclass(frozen=True, eq=False)
class CorrectedSplits:
    """What a system says of the evaluated splits, corrected.

    Attributes:
      val: see `corrected`.
      test: likewise.
      correction: chosen on validation.
    """

    val: Embeddings
    test: Embeddings
    correction: Correction


def correct_splits(said_of: Callable[[str], Similarities], inputs: Inputs, bank: str) -> CorrectedSplits:
    """Corrects what a system says.

    Args:
      said_of: gives what it says of `train`, `val` or `test`.
      inputs: of the same splits.
      bank: `train`, or `test`: each evaluated split is its own bank.

    Raises:
      ConfigError: it says scores that are no products of embeddings.
    """
    val, test = said_of("val"), said_of("test")
    if not isinstance(val, Embeddings):
        raise ConfigError(
            "a query bank corrects the products of embeddings, and this system scores pairs; leave --query_bank out"
        )
    correction = choose(val, inputs.split("val"), bank_of(said_of("train")) if bank == "train" else None)
    return CorrectedSplits(
        correction.of(val, inputs.split("val")),
        correction.of(test, inputs.split("test"), inputs.test_folds),
        correction,
    )
