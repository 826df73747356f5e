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
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cmr.data.examples import Examples
from cmr.data.inputs import Inputs
from cmr.errors import ConfigError
from cmr.evaluation import encoding, metrics
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.similarities import Similarities

# Of t: with the first hardly anything is told apart, with the last the nearest query of the bank alone.
SCALES = (2.5, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0)

# Images whose queries make a bank, with their sentences: as many as Flickr8K has. Of MSCOCO's 113,287 the first ones.
MAX_IMAGES = 6_000


def bank_of(train: Examples) -> Examples:
    """What a bank is made of: all queries of the training split, or those of its first `MAX_IMAGES` images."""
    return train.first_images(MAX_IMAGES)


def hubness(candidates: np.ndarray, queries: np.ndarray, scales: Sequence[float]) -> np.ndarray:
    """How near candidates are to the queries of a bank, h(c).

    Args:
      candidates: `[num_candidates, dim]` float32; equal ones get equal values, so that ties stay ties.
      queries: `[num_queries, dim]` float32, at least one.
      scales: of t, above 0.

    Returns:
      `[len(scales), num_candidates]` float32.
    """
    result = np.empty((len(scales), len(candidates)), np.float32)
    for rows, similarities in metrics.similarity_blocks(candidates, queries, metrics.BLOCK_SIZE):
        # The largest is taken out, so that no exponential overflows.
        largest = similarities.max(axis=1, keepdims=True)
        for place, scale in enumerate(scales):
            mean = np.exp(scale * (similarities - largest)).mean(axis=1, dtype=np.float64)
            result[place, rows] = largest[:, 0] + np.log(mean) / scale
    return result


def corrected(embeddings: Embeddings, bank: Embeddings, scales: Sequence[float]) -> Iterator[Embeddings]:
    """Embeddings whose dot products are the corrected scores of both directions.

    Args:
      embeddings: of a split.
      bank: whose images and sentences are the queries.
      scales: of t.

    Yields:
      for each scale `[num_images, dim + 2]` and `[num_captions, dim + 2]` float32, not of norm 1: as large as the
      embeddings, so that one after the other is looked at.
    """
    return _without_hubness(embeddings, *_hubness_of_both(embeddings, bank, scales))


def _hubness_of_both(
    embeddings: Embeddings, bank: Embeddings, scales: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """h of images and of sentences, `[len(scales), num_images]` and `[len(scales), num_captions]` float32."""
    of_images = hubness(embeddings.images, bank.captions, scales)
    return of_images, hubness(embeddings.captions, bank.images, scales)


def _without_hubness(embeddings: Embeddings, of_images: np.ndarray, of_captions: np.ndarray) -> Iterator[Embeddings]:
    for of_image, of_caption in zip(of_images[:, :, None], of_captions[:, :, None], strict=True):
        yield Embeddings(
            np.concatenate([embeddings.images, -of_image, np.ones_like(of_image)], axis=1),
            np.concatenate([embeddings.captions, np.ones_like(of_caption), -of_caption], axis=1),
        )


def _hubness_of_split(
    embeddings: Embeddings, split: Examples, bank: Embeddings | None, scales: Sequence[float], folds: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """As `_hubness_of_both`; without a bank each fold of the split is its own."""
    if bank is not None:
        return _hubness_of_both(embeddings, bank, scales)
    of_images, of_captions = (
        np.empty((len(scales), len(side)), np.float32) for side in (embeddings.images, embeddings.captions)
    )
    for images, captions in split.folds(folds):
        fold = Embeddings(embeddings.images[images], embeddings.captions[captions])
        of_images[:, images], of_captions[:, captions] = _hubness_of_both(fold, fold, scales)
    return of_images, of_captions


@dataclasses.dataclass(frozen=True, eq=False)
class CorrectedSplits:
    """What a system says of the evaluated splits, corrected.

    Attributes:
      val: see `corrected`.
      test: likewise.
      scale: t, of `SCALES` the one with the largest validation sum of recalls.
      note: what a table says of it.
    """

    val: Embeddings
    test: Embeddings
    scale: float
    note: str


def check_embeddings(said: Similarities) -> Embeddings:
    """What a system says, as a bank can correct it.

    Raises:
      ConfigError: scores that are no products of embeddings.
    """
    if not isinstance(said, Embeddings):
        raise ConfigError(
            "a query bank corrects the products of embeddings, and this system scores pairs; leave the bank out"
        )
    return said


def correct_splits(said_of: Callable[[str], Similarities], inputs: Inputs, bank: Embeddings | None) -> CorrectedSplits:
    """Corrects what a system says, with the scale that is best on the validation split.

    Args:
      said_of: gives what it says of `val` or `test`.
      inputs: of the same splits.
      bank: of training queries; None: each evaluated split is its own bank, all of whose queries are looked at before
        one is answered.

    Raises:
      ConfigError: it says scores that are no products of embeddings.
    """
    val, split = check_embeddings(said_of("val")), inputs.split("val")
    of_images, of_captions = _hubness_of_split(val, split, bank, SCALES)
    of_scales = _without_hubness(val, of_images, of_captions)
    sums = [encoding.evaluate_embeddings(each, split)[0].sum_of_recalls for each in of_scales]
    best = int(np.argmax(sums))
    (corrected_val,) = _without_hubness(val, of_images[[best]], of_captions[[best]])
    test = said_of("test")
    hubs = _hubness_of_split(test, inputs.split("test"), bank, [SCALES[best]], inputs.test_folds)
    (corrected_test,) = _without_hubness(test, *hubs)
    return CorrectedSplits(corrected_val, corrected_test, SCALES[best], _note(bank, SCALES[best]))


def _note(bank: Embeddings | None, scale: float) -> str:
    queries = (
        f"{len(bank.images):,} images and {len(bank.captions):,} sentences of the training split"
        if bank is not None
        else "the test split's own images and sentences, all looked at before one of them is answered: not to be "
        "compared with rows that answer each query alone"
    )
    return f"Scores are corrected by a query bank, {queries}. Its scale, {scale:g}, is chosen on validation."
