"""A row less another one on the same test images: bootstrap, Holm's correction, and how it is printed."""

import dataclasses
import itertools
from collections.abc import Iterable

from cmr.evaluation import bootstrap
from cmr.evaluation.bootstrap import OfMetrics, PairedDifference
from experiments.trainings.results import RowResult

# What rows are compared in.
MEASURES = ("sum_of_recalls", "sentence_retrieval_recall_at_1", "image_retrieval_recall_at_1")

# Of p after Holm's correction.
LEVEL = 0.05

OF_RUNS_AT_HAND = (
    "Intervals and p are those of the runs at hand: they say how another set of test images would differ, and not how "
    "another seed would."
)


@dataclasses.dataclass(frozen=True)
class Difference:
    """A row less another one.

    Attributes:
      estimate: of the means over the seeds.
      low: of the 95% bootstrap interval over test images, as `high`.
      p_value: two-sided, of the two being equal.
      corrected_p: the same after Holm's correction over the comparisons made together.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    corrected_p: float

    @property
    def is_found(self) -> bool:
        """Whether the interval leaves out zero."""
        return not self.low <= 0.0 <= self.high

    @property
    def is_found_corrected(self) -> bool:
        """Whether p is at most `LEVEL` after the correction."""
        return self.corrected_p <= LEVEL


def of_pairs(pairs: Iterable[tuple[RowResult, RowResult]]) -> list[dict[str, Difference]]:
    """The first of each pair less its second, by measure, p corrected over the pairs.

    Raises:
      DataError: runs are of different test images.
    """
    pairs = list(pairs)
    # A row stands in many pairs, and is resampled once.
    rows = {id(row): row for row in itertools.chain.from_iterable(pairs)}
    resampled = {key: bootstrap.resample(row.ranks) for key, row in rows.items()}
    compared = [
        _by_measure(bootstrap.paired_difference(resampled[id(first)], resampled[id(second)])) for first, second in pairs
    ]
    corrected = {name: bootstrap.holm([each[name].p_value for each in compared]) for name in MEASURES}
    return [
        {name: Difference(**dataclasses.asdict(each[name]), corrected_p=corrected[name][place]) for name in MEASURES}
        for place, each in enumerate(compared)
    ]


def _by_measure(compared: OfMetrics[PairedDifference]) -> dict[str, PairedDifference]:
    values = (
        compared.sum_of_recalls,
        compared.sentence_retrieval["recall_at_1"],
        compared.image_retrieval["recall_at_1"],
    )
    return dict(zip(MEASURES, values, strict=True))


@dataclasses.dataclass(frozen=True)
class DifferenceText:
    """A difference to print.

    Attributes:
      value: such as `-3.2`, with its sign.
      interval: such as `[-5.1, -1.3]`.
      p_values: such as `p 0.0005 (Holm 0.0070)`.
      verdict: such as `no difference found`; "" where the value says it.
      is_found: whether it counts as a difference.
    """

    value: str
    interval: str
    p_values: str
    verdict: str
    is_found: bool

    @property
    def small(self) -> tuple[str, ...]:
        """What stands in small print beside the value."""
        return (self.interval, *((self.verdict,) if self.verdict else ()), self.p_values)

    def __str__(self) -> str:
        return f"{self.value} {', '.join(self.small)}"


def text(difference: Difference, verdict: str, is_found: bool) -> DifferenceText:
    """What is printed of a difference; see `DifferenceText`."""
    return DifferenceText(
        signed(difference.estimate),
        f"[{signed(difference.low)}, {signed(difference.high)}]",
        f"p {difference.p_value:.4f} (Holm {difference.corrected_p:.4f})",
        verdict,
        is_found,
    )


def signed(number: float) -> str:
    """A difference with its sign and one decimal."""
    # Rounded first, so that nothing reads -0.0.
    return f"{round(number, 1) + 0.0:+.1f}"
