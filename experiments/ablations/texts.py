"""What stands in the cells of an ablation's comparisons, the same in every format to be read."""

import dataclasses
import itertools
from collections.abc import Iterator

from experiments.ablations import results
from experiments.ablations.results import Ablations, Difference, SumOverSeeds

DESCRIPTION = "what it changes"
COLUMNS = (
    "row",
    DESCRIPTION,
    "validation sum",
    "test sum",
    "test sum less baseline's",
    "sentence R@1 less baseline's",
    "image R@1 less baseline's",
)
_NO_DIFFERENCE = "no difference found"


@dataclasses.dataclass(frozen=True)
class DifferenceText:
    """A difference to print.

    Attributes:
      value: such as `-3.2`, with its sign.
      interval: such as `[-5.1, -1.3]`.
      p_values: such as `p 0.0005 (Holm 0.0070)`.
      is_found: whether the interval leaves out zero.
    """

    value: str
    interval: str
    p_values: str
    is_found: bool

    @property
    def small(self) -> tuple[str, ...]:
        """What stands in small print beside the value."""
        return (self.interval, *(() if self.is_found else (_NO_DIFFERENCE,)), self.p_values)

    def __str__(self) -> str:
        return f"{self.value} {', '.join(self.small)}"


@dataclasses.dataclass(frozen=True)
class ComparisonText:
    """A row to print.

    Attributes:
      name: of the row.
      description: a sentence.
      scores: on validation, on test.
      differences: by `results.MEASURES`; the baseline has none.
    """

    name: str
    description: str
    scores: tuple[str, ...]
    differences: tuple[DifferenceText, ...]

    @property
    def small_print(self) -> list[tuple[str, ...]]:
        """The lines of small print beneath the differences, each with a text a difference, "" where it has no more."""
        return list(itertools.zip_longest(*(each.small for each in self.differences), fillvalue=""))


def rows(ablations: Ablations) -> Iterator[ComparisonText]:
    """The texts of every row, the baseline's first."""
    for each in ablations.comparisons:
        yield ComparisonText(
            each.name,
            each.description,
            (_score(each.validation_sum), _score(each.test_sum)),
            tuple(_difference(each.differences[name]) for name in results.MEASURES if each.differences),
        )


def _score(score: SumOverSeeds) -> str:
    return f"{score.mean:.1f}" if score.std is None else f"{score.mean:.1f} ± {score.std:.1f}"


def _difference(difference: Difference) -> DifferenceText:
    return DifferenceText(
        _signed(difference.estimate),
        f"[{_signed(difference.low)}, {_signed(difference.high)}]",
        f"p {difference.p_value:.4f} (Holm {difference.corrected_p:.4f})",
        difference.is_found,
    )


def _signed(number: float) -> str:
    # Rounded first, so that nothing reads -0.0.
    return f"{round(number, 1) + 0.0:+.1f}"
