"""Bootstrap over test images: intervals of a row's metrics, and the test of a difference between two rows.

    bootstrap.intervals(row.ranks).image_retrieval["recall_at_1"].low
    fusion, vse = bootstrap.resample(fusion.ranks), bootstrap.resample(vse.ranks)
    bootstrap.paired_difference(fusion, vse).sum_of_recalls.p_value

B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993: percentile intervals (chapter 13) and
hypothesis tests (chapter 16).
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from cmr.errors import DataError
from cmr.evaluation import metrics
from cmr.evaluation.query_ranks import QueryRanks

_NUM_RECALLS = len(metrics.RECALLS_AT)
# Resamples times sentences at once: a block's largest arrays then have 16 MB.
_BLOCK_ELEMENTS = 1 << 22
# Differences of percentages that are equal on paper come out this near to each other.
_ROUNDING = 1e-9

Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True)
class Interval:
    """Bounds of an interval."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """The first row less the second.

    Attributes:
      estimate: on the test images themselves.
      low: of the interval, as `high`.
      p_value: two-sided, of the rows being equal.
    """

    estimate: float
    low: float
    high: float
    p_value: float


@dataclasses.dataclass(frozen=True)
class OfMetrics(Generic[Value]):
    """One value for every metric.

    Attributes:
      sentence_retrieval: by the names of `metrics.METRICS`.
      image_retrieval: likewise.
      sum_of_recalls: of the sum of the six recalls.
    """

    sentence_retrieval: dict[str, Value]
    image_retrieval: dict[str, Value]
    sum_of_recalls: Value


@dataclasses.dataclass(frozen=True)
class Resampled:
    """A row's numbers, both directions' `metrics.METRICS` and the sum of recalls, mean over its seeds.

    Attributes:
      layout: ranks of one seed, by whose test images rows are compared.
      estimate: `[numbers]` float64, on all test images once.
      numbers: `[num_resamples, numbers]` float64, on each resample.
      seed: of the drawing.
    """

    layout: QueryRanks
    estimate: np.ndarray
    numbers: np.ndarray
    seed: int


def resample(ranks_of_seeds: Sequence[QueryRanks], num_resamples: int = 2000, seed: int = 0) -> Resampled:
    """Measures a row on resampled test images, the same ones for every row of as many images.

    A resample draws as many images as there are, with replacement, each with all its sentences (a cluster bootstrap:
    the sentences of one image are not independent), and is the same for all seeds and both directions. The gallery
    stays whole: ranks are not computed again, so an interval is that of other queries against the same candidates.
    Where a test split has folds, their queries are pooled.

    Args:
      ranks_of_seeds: of the same test images, one a seed.
      num_resamples: resamples.
      seed: of the drawing.

    Raises:
      DataError: there are no ranks, or they are of different images.
    """
    _check_layouts(ranks_of_seeds)
    layout = ranks_of_seeds[0]
    num_images, num_captions = len(layout.sentence_retrieval), len(layout.image_of_caption)
    prepared = [_directions(ranks) for ranks in ranks_of_seeds]
    blocks = _resamples(num_images, num_resamples, seed, max(1, _BLOCK_ELEMENTS // num_captions))
    numbers = np.concatenate([_row_numbers(prepared, counts) for counts in blocks])
    return Resampled(layout, _row_numbers(prepared, np.ones((1, num_images)))[0], numbers, seed)


def intervals(
    ranks_of_seeds: Sequence[QueryRanks], num_resamples: int = 2000, seed: int = 0, level: float = 0.95
) -> OfMetrics[Interval]:
    """Percentile intervals of every metric's mean over the seeds, by the resamples of `resample`.

    Args:
      ranks_of_seeds: of the same test images, one a seed.
      num_resamples: resamples.
      seed: of the drawing.
      level: probability of the interval.

    Raises:
      DataError: there are no ranks, or they are of different images.
    """
    low, high = _bounds(resample(ranks_of_seeds, num_resamples, seed).numbers, level)
    return _by_metric([Interval(*bounds) for bounds in zip(low.tolist(), high.tolist(), strict=True)])


def paired_difference(first: Resampled, second: Resampled, level: float = 0.95) -> OfMetrics[PairedDifference]:
    """Compares the means over the seeds of two rows, on the same resampled images for both.

    The p-value is that of the centred bootstrap: the share of resamples whose difference is at least as far from the
    observed one as the observed one is from zero, (1 + count) / (1 + num_resamples), which is never zero. Intervals
    are those of `intervals`. Seeds are averaged, not resampled: a difference that another seed could turn round may
    have a small p-value all the same; look at the standard deviation over seeds too.

    Args:
      first: a row.
      second: the other row, of the same test images and drawing; the numbers of seeds may differ.
      level: probability of the interval.

    Raises:
      DataError: the rows are of different images.
      ValueError: their resamples were drawn differently.
    """
    _check_layouts([first.layout, second.layout])
    if (first.seed, len(first.numbers)) != (second.seed, len(second.numbers)):
        raise ValueError("rows are compared on the same resamples alone; draw both with one seed, as many")
    estimate, resampled = first.estimate - second.estimate, first.numbers - second.numbers
    num_resamples = len(resampled)
    low, high = _bounds(resampled, level)
    farther = np.abs(resampled - estimate) >= np.abs(estimate) - _ROUNDING
    p_value = (1 + np.count_nonzero(farther, axis=0)) / (1 + num_resamples)
    columns = (column.tolist() for column in (estimate, low, high, p_value))
    return _by_metric([PairedDifference(*values) for values in zip(*columns, strict=True)])


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-Bonferroni corrected p-values.

    S. Holm, "A simple sequentially rejective multiple test procedure", 1979: of n tests the smallest p-value is
    multiplied by n, the next by n - 1, and so on; none becomes smaller than the one before it, nor larger than 1. Who
    calls a difference what is at most alpha is wrong about any of the n with a probability of at most alpha, however
    the tests depend on each other.

    Args:
      p_values: one a test.

    Returns:
      The corrected ones in the same order.
    """
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for position, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - position) * p_values[index]))
        corrected[index] = largest
    return corrected


def _check_layouts(ranks_of_seeds: Sequence[QueryRanks]) -> None:
    if not ranks_of_seeds:
        raise DataError("there are no ranks to resample; a row needs a finished run")
    first = ranks_of_seeds[0]
    for ranks in ranks_of_seeds[1:]:
        if not ranks.is_of_same_images(first):
            raise DataError(
                f"ranks are of different test images ({_size(first)}, {_size(ranks)}) and can't be resampled together; "
                "train both runs on the same prepared data set"
            )


def _size(ranks: QueryRanks) -> str:
    return f"{len(ranks.sentence_retrieval):,} images and {len(ranks.image_of_caption):,} sentences"


def _resamples(num_images: int, num_resamples: int, seed: int, block_size: int) -> Iterator[np.ndarray]:
    """Yields `[resamples, num_images]` float64: how often each image was drawn. The block never changes the draws."""
    generator = np.random.default_rng(seed)
    for start in range(0, num_resamples, block_size):
        rows = min(block_size, num_resamples - start)
        drawn = generator.integers(num_images, size=(rows, num_images))
        cells = (drawn + num_images * np.arange(rows)[:, None]).ravel()
        yield np.bincount(cells, minlength=rows * num_images).reshape(rows, num_images).astype(np.float64)


@dataclasses.dataclass(frozen=True)
class _Direction:
    """A direction's queries, prepared for resampling by image.

    Attributes:
      totals: `[num_images, 5]` float64: of each image's queries the hits at 1, 5 and 10, the sum of ranks, the number.
      image_of_query: `[num_queries]` int64.
      ranks: `[num_queries]` int64, one-based.
      distinct_ranks: those that occur, rising.
    """

    totals: np.ndarray
    image_of_query: np.ndarray
    ranks: np.ndarray
    distinct_ranks: np.ndarray


def _directions(ranks: QueryRanks) -> list[_Direction]:
    num_images = len(ranks.sentence_retrieval)
    return [
        _direction(ranks.sentence_retrieval, np.arange(num_images), num_images),
        _direction(ranks.image_retrieval, ranks.image_of_caption, num_images),
    ]


def _direction(ranks: np.ndarray, image_of_query: np.ndarray, num_images: int) -> _Direction:
    of_query = [*(ranks <= k for k in metrics.RECALLS_AT), ranks, np.ones(len(ranks))]
    totals = [np.bincount(image_of_query, weights=values, minlength=num_images) for values in of_query]
    return _Direction(np.stack(totals, axis=1), image_of_query, ranks, np.unique(ranks))


def _row_numbers(row: Sequence[Sequence[_Direction]], counts: np.ndarray) -> np.ndarray:
    """`[resamples, numbers]` float64, mean over the row's seeds."""
    total = sum(np.concatenate([_numbers(direction, counts) for direction in of_seed], axis=1) for of_seed in row)
    means = total / len(row)
    both = means.reshape(len(means), 2, len(metrics.METRICS))
    return np.concatenate([means, both[:, :, :_NUM_RECALLS].sum(axis=(1, 2))[:, None]], axis=1)


def _numbers(direction: _Direction, counts: np.ndarray) -> np.ndarray:
    """`[resamples, 5]` float64: `metrics.METRICS` of the queries of the images drawn."""
    sums = counts @ direction.totals
    queries = sums[:, -1:]
    recalls = 100.0 * sums[:, :_NUM_RECALLS] / queries
    median = _median_ranks(direction, counts, queries)[:, None]
    return np.concatenate([recalls, median, sums[:, _NUM_RECALLS : _NUM_RECALLS + 1] / queries], axis=1)


def _median_ranks(direction: _Direction, counts: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """`[resamples]` float64, VSE's median rank, as `metrics.RetrievalMetrics` has it.

    The ranks of the two middle queries are looked for among a few, far apart, and then among all that lie between the
    lowest and the highest of any resample: medians of resamples are near each other, and most ranks never are one.

    Args:
      direction: whose.
      counts: `[resamples, num_images]` float64, how often each image was drawn.
      queries: `[resamples, 1]` float64, drawn with the images.
    """
    middles = (queries - 1) // 2, queries // 2
    distinct = direction.distinct_ranks
    apart = math.isqrt(len(distinct))
    lower, upper = _places(direction, counts, distinct[apart - 1 :: apart], middles)
    between = distinct[lower.min() * apart : (upper.max() + 1) * apart]
    lower, upper = (between[places] for places in _places(direction, counts, between, middles))
    # One-based ranks: floor(((lower - 1) + (upper - 1)) / 2) + 1.
    return ((lower + upper) // 2).astype(np.float64)


def _places(
    direction: _Direction, counts: np.ndarray, ranks: np.ndarray, middles: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Which of some rising ranks is the first that more than a middle's number of the queries drawn are up to.

    For each of `middles` its place among the ranks, `len(ranks)` where none is; `[resamples]` int64.
    """
    size = len(counts[0]), len(ranks) + 1
    cells = direction.image_of_query * size[1] + np.searchsorted(ranks, direction.ranks)
    up_to = np.bincount(cells, minlength=math.prod(size)).reshape(size).cumsum(axis=1)[:, :-1]
    drawn = counts @ up_to.astype(np.float64)
    return [np.count_nonzero(drawn <= middle, axis=1) for middle in middles]


def _bounds(resampled: np.ndarray, level: float) -> np.ndarray:
    """Low and high bounds, `[2, numbers]` float64."""
    tail = (1 - level) / 2
    return np.quantile(resampled, [tail, 1 - tail], axis=0)


def _by_metric(values: Sequence[Value]) -> OfMetrics[Value]:
    count = len(metrics.METRICS)
    return OfMetrics(
        dict(zip(metrics.METRICS, values[:count], strict=True)),
        dict(zip(metrics.METRICS, values[count : 2 * count], strict=True)),
        values[-1],
    )
