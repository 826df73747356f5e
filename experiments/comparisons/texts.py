"""What stands in the cells of comparisons with a baseline, the same in every format to be read."""

import dataclasses
import itertools
from collections.abc import Iterator

from experiments.comparisons.results import Comparisons, SumOverSeeds
from experiments.tables import differences
from experiments.tables.differences import Difference, DifferenceText

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
class ComparisonText:
    """A row to print.

    Attributes:
      name: of the row.
      description: a sentence.
      scores: on validation, on test.
      differences: by `differences.MEASURES`; the baseline has none.
    """

    name: str
    description: str
    scores: tuple[str, ...]
    differences: tuple[DifferenceText, ...]

    @property
    def small_print(self) -> list[tuple[str, ...]]:
        """The lines of small print beneath the differences, each with a text a difference, "" where it has no more."""
        return list(itertools.zip_longest(*(each.small for each in self.differences), fillvalue=""))


def rows(compared: Comparisons) -> Iterator[ComparisonText]:
    """The texts of every row, the baseline's first."""
    for each in compared.comparisons:
        yield ComparisonText(
            each.name,
            each.description,
            (_score(each.validation_sum), _score(each.test_sum)),
            tuple(_text(each.differences[name]) for name in differences.MEASURES if each.differences),
        )


def _score(score: SumOverSeeds | None) -> str:
    if score is None:
        return ""
    return f"{score.mean:.1f}" if score.std is None else f"{score.mean:.1f} ± {score.std:.1f}"


def _text(difference: Difference) -> DifferenceText:
    return differences.text(difference, "" if difference.is_found else _NO_DIFFERENCE, difference.is_found)
