"""Retrieval metrics: recall at 1, 5 and 10, median and mean rank, in both directions, from embeddings.

    both = metrics.evaluate(image_embeddings, caption_embeddings, image_of_caption)
    both.sentence_retrieval.recall_at_1, both.image_retrieval.median_rank, both.sum_of_recalls

Sentence retrieval: the query is an image, the candidates are all sentences, and the best of the image's own sentences
counts. Image retrieval: the query is a sentence, the candidates are all images. A similarity is the dot product of the
rows as given: whoever wants cosines passes unit vectors.

A rank is 1 plus the number of wrong candidates whose similarity is not lower than that of the best correct one. So a
tie counts against the query, and so does a NaN: a collapsed model scores zero.
"""

import collections
import dataclasses
import fractions
import math
import statistics
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cmr.errors import DataError

RECALLS_AT = (1, 5, 10)

# Names in `BothDirections` and, of each direction, in `RetrievalMetrics`.
DIRECTIONS = ("sentence_retrieval", "image_retrieval")
METRICS = ("recall_at_1", "recall_at_5", "recall_at_10", "median_rank", "mean_rank")

# Queries at once: 128 rows of similarities to the 25,000 sentences of MSCOCO's largest test set are 26 MB in float64.
BLOCK_SIZE = 128


@dataclasses.dataclass(frozen=True)
class RetrievalMetrics:
    """The numbers of one direction.

    Attributes:
      recall_at_1: percent of the queries whose rank is 1; likewise the next two.
      recall_at_5: percent of the queries whose rank is at most 5.
      recall_at_10: percent of the queries whose rank is at most 10.
      median_rank: VSE's: floor of the median of the zero-based ranks, plus 1; a mean over folds need not be whole.
      mean_rank: mean of the one-based ranks.
      num_queries: number of queries behind the numbers.
    """

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    mean_rank: float
    num_queries: int

    @property
    def recalls(self) -> tuple[float, float, float]:
        return self.recall_at_1, self.recall_at_5, self.recall_at_10

    def one_line(self) -> str:
        """Recalls and median rank, for people."""
        # A mean over folds has a fraction.
        return " ".join([*(f"{value:.1f}" for value in self.recalls), f"Med r {round(self.median_rank, 1):g}"])

    @classmethod
    def from_ranks(cls, ranks: np.ndarray) -> "RetrievalMetrics":
        """Summarises ranks.

        Args:
          ranks: `[num_queries]` int64, one-based.

        Raises:
          DataError: there is no rank.
        """
        if not len(ranks):
            raise DataError("there is no query to compute recalls of; the split is empty")
        recalls = [100.0 * float(np.mean(ranks <= k)) for k in RECALLS_AT]
        # https://github.com/ryankiros/visual-semantic-embedding, evaluation.py: floor(median(ranks)) + 1, from zero.
        median_rank = math.floor(np.median(ranks - 1)) + 1
        return cls(*recalls, median_rank, float(np.mean(ranks)), len(ranks))


@dataclasses.dataclass(frozen=True)
class BothDirections:
    """Sentence retrieval (image queries) and image retrieval (sentence queries)."""

    sentence_retrieval: RetrievalMetrics
    image_retrieval: RetrievalMetrics

    @property
    def sum_of_recalls(self) -> float:
        """The six recalls' sum, by which checkpoints are chosen; 600 is perfect."""
        return sum(self.sentence_retrieval.recalls) + sum(self.image_retrieval.recalls)

    def one_line(self) -> str:
        """Recalls, median ranks and the sum, for people."""

        return (
            f"sentence R@1/5/10 {self.sentence_retrieval.one_line()}, image {self.image_retrieval.one_line()}, "
            f"sum {self.sum_of_recalls:.1f}"
        )

    def to_dict(self) -> dict:
        """Plain values for metrics.json, the derived sum included."""
        return {**dataclasses.asdict(self), "sum_of_recalls": self.sum_of_recalls}

    @classmethod
    def from_dict(cls, values: dict) -> "BothDirections":
        """The inverse of `to_dict`."""
        return cls(
            RetrievalMetrics(**values["sentence_retrieval"]),
            RetrievalMetrics(**values["image_retrieval"]),
        )


def evaluate(
    image_embeddings: np.ndarray, caption_embeddings: np.ndarray, image_of_caption: np.ndarray
) -> BothDirections:
    """Metrics of both directions.

    >>> images = np.eye(2)
    >>> captions = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    >>> both = cmr.evaluate(images, captions, image_of_caption=np.array([0, 0, 1]))
    >>> both.sentence_retrieval.recall_at_1, round(both.image_retrieval.recall_at_1, 1)
    (100.0, 66.7)

    Args:
      image_embeddings: `[num_images, dim]`.
      caption_embeddings: `[num_captions, dim]`.
      image_of_caption: `[num_captions]` int, the row in `image_embeddings` of each caption's image.

    Raises:
      DataError: the shapes don't fit each other, or an image has no sentence.
    """
    arrays = image_embeddings, caption_embeddings, image_of_caption
    return BothDirections(
        RetrievalMetrics.from_ranks(sentence_retrieval_ranks(*arrays)),
        RetrievalMetrics.from_ranks(image_retrieval_ranks(*arrays)),
    )


def mean_over_folds(folds: Sequence[BothDirections]) -> BothDirections:
    """The mean of every number over parts of a test split that were evaluated apart; their queries are added up."""
    return BothDirections(
        _mean_direction([fold.sentence_retrieval for fold in folds]),
        _mean_direction([fold.image_retrieval for fold in folds]),
    )


def _mean_direction(folds: Sequence[RetrievalMetrics]) -> RetrievalMetrics:
    if len(folds) == 1:
        return folds[0]
    means = (
        statistics.fmean(values) for values in zip(*(dataclasses.astuple(fold)[:-1] for fold in folds), strict=True)
    )
    return RetrievalMetrics(*means, sum(fold.num_queries for fold in folds))


def sentence_retrieval_ranks(
    image_embeddings: np.ndarray,
    caption_embeddings: np.ndarray,
    image_of_caption: np.ndarray,
    block_size: int = BLOCK_SIZE,
) -> np.ndarray:
    """Rank of each image's best own sentence among all sentences.

    Args:
      image_embeddings: `[num_images, dim]`, the queries.
      caption_embeddings: `[num_captions, dim]`, the candidates.
      image_of_caption: `[num_captions]` int, the row in `image_embeddings` of each caption's image; every image has at
        least one caption.
      block_size: queries at once; bounds the memory and never changes the result.

    Returns:
      `[num_images]` int64, one-based. Wrong candidates alone push a rank down, so the other sentences of the same image
      never do.

    Raises:
      DataError: the shapes don't fit each other, or an image has no sentence.
    """
    images, captions, image_of_caption = _checked(image_embeddings, caption_embeddings, image_of_caption)
    return _ranks(images, captions, np.arange(len(images)), image_of_caption, block_size)


def image_retrieval_ranks(
    image_embeddings: np.ndarray,
    caption_embeddings: np.ndarray,
    image_of_caption: np.ndarray,
    block_size: int = BLOCK_SIZE,
) -> np.ndarray:
    """Rank of each sentence's image among all images.

    Args:
      image_embeddings: `[num_images, dim]`, the candidates.
      caption_embeddings: `[num_captions, dim]`, the queries.
      image_of_caption: `[num_captions]` int, the row in `image_embeddings` of each caption's image.
      block_size: queries at once; bounds the memory and never changes the result.

    Returns:
      `[num_captions]` int64, one-based.

    Raises:
      DataError: the shapes don't fit each other, or an image has no sentence.
    """
    images, captions, image_of_caption = _checked(image_embeddings, caption_embeddings, image_of_caption)
    return _ranks(captions, images, image_of_caption, np.arange(len(images)), block_size)


def ranks_of_scores(scores: np.ndarray, image_of_caption: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranks of both directions from a score of every pair, for systems whose score is no product of two vectors.

    Args:
      scores: `[num_images, num_captions]` float32, the more the better.
      image_of_caption: `[num_captions]` int, row of each caption's image; every image has at least one caption.

    Returns:
      What `sentence_retrieval_ranks` and `image_retrieval_ranks` return.

    Raises:
      DataError: the shapes don't fit each other, or an image has no sentence.
    """
    scores, image_of_caption = np.asarray(scores), np.asarray(image_of_caption)
    if scores.ndim != 2:
        raise DataError(f"scores have the shape {list(scores.shape)}; they must be [num_images, num_captions]")
    _check_captions(image_of_caption, *scores.shape)
    images = np.arange(len(scores))
    sides = (scores, images, image_of_caption), (scores.T, image_of_caption, images)
    return tuple(
        np.concatenate(
            [
                _ranks_of_block(
                    matrix[start : start + BLOCK_SIZE],
                    queries[start : start + BLOCK_SIZE, None] == candidates,
                )
                for start in range(0, len(matrix), BLOCK_SIZE)
            ]
        )
        for matrix, queries, candidates in sides
    )


def top_k(
    query_embeddings: np.ndarray, candidate_embeddings: np.ndarray, k: int, block_size: int = BLOCK_SIZE
) -> tuple[np.ndarray, np.ndarray]:
    """The candidates most similar to each query, best first.

    Args:
      query_embeddings: `[num_queries, dim]`.
      candidate_embeddings: `[num_candidates, dim]`.
      k: candidates to return; fewer come back where there are fewer.
      block_size: queries at once.

    Returns:
      Indices `[num_queries, k]` int64 and similarities `[num_queries, k]` float32. Of equal ones the lower index comes
      first; NaN comes last.

    Raises:
      DataError: the shapes don't fit each other.
    """
    queries, candidates = np.asarray(query_embeddings), np.asarray(candidate_embeddings)
    _check_same_dim(queries, candidates, "query", "candidate")
    k = min(k, len(candidates))
    indices = np.empty((len(queries), k), np.int64)
    similarities = np.empty((len(queries), k), np.float32)
    for rows, block in similarity_blocks(queries, candidates, block_size):
        indices[rows] = np.argsort(-block, axis=1, kind="stable")[:, :k]
        similarities[rows] = np.take_along_axis(block, indices[rows], axis=1)
    return indices, similarities


def top_scores(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best candidates of one query: indices and scores as those of `top_k`, of `[num_candidates]` scores."""
    nearest = np.argsort(-scores, kind="stable")[:k]
    return nearest, scores[nearest]


def random_ranking(captions_per_image: Sequence[int]) -> BothDirections:
    """What a uniformly random order of the candidates scores, exactly.

    With m correct ones among N candidates, the best rank is at most k with probability 1 - C(N-m, k) / C(N, k), and
    (N+1) / (m+1) is its expectation. Both are averaged over the queries. The median rank is the smallest r with
    P(rank <= r) >= 1/2 for a query drawn at random: 647 among the sentences of 1,000 images with 5 each, and 500 among
    the images (where floor(median) + 1 of the zero-based ranks, 499.5, says 500 too).

    Args:
      captions_per_image: sentences of each image.

    Returns:
      Expected metrics; `median_rank` is that of the distribution.

    Raises:
      DataError: there is no image, or one without a sentence.
    """
    correct = [int(count) for count in captions_per_image]
    if not correct or min(correct) < 1:
        raise DataError("random ranking needs at least one image, and one sentence of every image")
    num_captions = sum(correct)
    return BothDirections(_random_direction(num_captions, correct), _random_direction(len(correct), [1] * num_captions))


def _random_direction(num_candidates: int, correct_of_query: Sequence[int]) -> RetrievalMetrics:
    num_queries = len(correct_of_query)
    queries_with = collections.Counter(correct_of_query)

    def probability_within(k: int) -> fractions.Fraction:
        # C(N-m, k) / C(N, k) = C(N-k, m) / C(N, m), whose numbers are small; exact, so that 1/2 is met exactly.
        miss = sum(
            queries * fractions.Fraction(math.comb(num_candidates - k, m), math.comb(num_candidates, m))
            for m, queries in queries_with.items()
        )
        return 1 - fractions.Fraction(miss, num_queries)

    recalls = [100.0 * float(probability_within(min(k, num_candidates))) for k in RECALLS_AT]
    mean = sum(queries * fractions.Fraction(num_candidates + 1, m + 1) for m, queries in queries_with.items())
    median = _first_true(1, num_candidates, lambda k: probability_within(k) >= fractions.Fraction(1, 2))
    return RetrievalMetrics(*recalls, median, float(mean / num_queries), num_queries)


def _first_true(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest number from `low` to `high` for which `holds`, which is monotone and true at `high`."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _ranks(
    queries: np.ndarray,
    candidates: np.ndarray,
    image_of_query: np.ndarray,
    image_of_candidate: np.ndarray,
    block_size: int,
) -> np.ndarray:
    """`[num_queries]` int64: 1 + wrong candidates that are not less similar than the best one of the same image."""
    ranks = np.empty(len(queries), np.int64)
    for rows, similarities in similarity_blocks(queries, candidates, block_size):
        ranks[rows] = _ranks_of_block(similarities, image_of_query[rows, None] == image_of_candidate)
    return ranks


def _ranks_of_block(similarities: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """`[queries]` int64 of `[queries, candidates]` similarities, and which candidates are correct."""
    # The correct one's similarity comes out of the same product as the others': computed apart, it could differ
    # from its equals in the last bit.
    usable = correct & ~np.isnan(similarities)
    best = np.max(similarities, axis=1, keepdims=True, initial=-np.inf, where=usable)
    # "not lower" and not "at least as high": a comparison with NaN is false, so NaN counts as ahead.
    ahead = ~(similarities < best) & ~correct
    return 1 + np.count_nonzero(ahead, axis=1)


def similarity_blocks(
    queries: np.ndarray, candidates: np.ndarray, block_size: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields a slice of query rows and their `[rows, num_candidates]` float32 similarities.

    BLAS adds up in another order at the edges of a matrix, so equal rows get products that differ in their last bits,
    and a tie would look like a lead. In float64 that difference is some 2^-29 of a step of float32, to which the
    product is rounded: equal rows come out equal, wherever they stand and whatever the block.
    """
    if block_size < 1:
        raise ValueError(f"block_size must be at least 1, not {block_size}")
    # Once for all blocks; no larger than twice the float32 embeddings themselves.
    transposed = candidates.astype(np.float64).T
    for start in range(0, len(queries), block_size):
        rows = slice(start, start + block_size)
        with np.errstate(invalid="ignore", over="ignore"):
            similarities = (queries[rows].astype(np.float64) @ transposed).astype(np.float32)
        yield rows, similarities


def _checked(
    image_embeddings: np.ndarray, caption_embeddings: np.ndarray, image_of_caption: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images, captions = np.asarray(image_embeddings), np.asarray(caption_embeddings)
    image_of_caption = np.asarray(image_of_caption)
    _check_same_dim(images, captions, "image", "caption")
    _check_captions(image_of_caption, len(images), len(captions))
    return images, captions, image_of_caption


def _check_captions(image_of_caption: np.ndarray, num_images: int, num_captions: int) -> None:
    if image_of_caption.shape != (num_captions,):
        raise DataError(
            f"image_of_caption has the shape {list(image_of_caption.shape)} beside {num_captions} captions; "
            "it needs one image row a caption"
        )
    if not np.issubdtype(image_of_caption.dtype, np.integer):
        raise DataError(f"image_of_caption is {image_of_caption.dtype}; it needs integer rows")
    if np.any(image_of_caption < 0) or np.any(image_of_caption >= num_images):
        raise DataError(f"image_of_caption names rows beyond the {num_images} images")
    without = np.flatnonzero(np.bincount(image_of_caption, minlength=num_images) == 0)
    if len(without):
        raise DataError(f"{len(without)} of {num_images} images have no sentence, such as row {without[0]}")


def _check_same_dim(first: np.ndarray, second: np.ndarray, first_name: str, second_name: str) -> None:
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise DataError(
            f"{first_name} embeddings {list(first.shape)} and {second_name} embeddings {list(second.shape)} don't fit: "
            "both must be [rows, dim] with the same dim"
        )
