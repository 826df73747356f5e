"""What rows came to beside a baseline: their table, and each less the baseline on the same test images."""

import dataclasses
import json
import statistics
from collections.abc import Sequence

from cmr.evaluation.metrics import BothDirections
from experiments.tables import differences, json_text
from experiments.tables.differences import Difference
from experiments.tables.table import ResultTable, build_table_without_paper
from experiments.trainings import candidates
from experiments.trainings.results import RowResult

_PARTLY_VALIDATED = (
    "A row without a validation sum was validated on fewer images than others, among which ranks are better."
)


@dataclasses.dataclass(frozen=True)
class SumOverSeeds:
    """A sum of the six recalls.

    Attributes:
      mean: over the seeds.
      std: sample standard deviation over the seeds; None where there is one.
    """

    mean: float
    std: float | None


@dataclasses.dataclass(frozen=True)
class Change:
    """What a row changes of the baseline's settings.

    Attributes:
      description: a sentence.
      flags: names or texts of what is changed; the baseline changes nothing.
    """

    description: str
    flags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A row beside the baseline.

    Attributes:
      name: of the row.
      description: a sentence.
      flags: as of `Change`.
      validation_sum: of the epochs whose weights were kept, on validation; None where other rows were validated on
        more images: among fewer ranks are better.
      test_sum: on test.
      differences: by `differences.MEASURES`; the baseline has none.
    """

    name: str
    description: str
    flags: tuple[str, ...]
    validation_sum: SumOverSeeds | None
    test_sum: SumOverSeeds
    differences: dict[str, Difference]


@dataclasses.dataclass(frozen=True)
class Comparisons:
    """All of it.

    Attributes:
      table: recalls and median ranks of the rows, the baseline first of ours.
      comparisons: the same rows, the baseline first.
      left_out: a sentence for each variant or run that is not compared.
    """

    table: ResultTable
    comparisons: tuple[Comparison, ...]
    left_out: tuple[str, ...]

    @property
    def notes(self) -> list[str]:
        """Sentences under the comparisons: how they were made, and what was left out."""
        partly = [_PARTLY_VALIDATED] if any(each.validation_sum is None for each in self.comparisons) else []
        return [*_notes(len(self.comparisons) - 1), *partly, *self.left_out]

    def to_json(self) -> str:
        """Text that `from_json` reads exactly."""
        return json_text.written(self)

    @classmethod
    def from_json(cls, text: str) -> "Comparisons":
        """The inverse of `to_json`.

        Raises:
          DataError: the text is nothing of the kind.
        """
        with json_text.refusing("this is no comparison of rows", "give the command again"):
            values = json.loads(text)
            return cls(
                ResultTable.from_json(json.dumps(values["table"])),
                tuple(_comparison(each) for each in values["comparisons"]),
                tuple(values["left_out"]),
            )


def compare(
    title: str,
    dataset: str,
    rows: Sequence[RowResult],
    changes: Sequence[Change],
    left_out: tuple[str, ...] = (),
) -> Comparisons:
    """Compares rows with the first of them.

    Args:
      title: of the table.
      dataset: the workspace's name of it.
      rows: the baseline's first.
      changes: of each row.
      left_out: a sentence for each row that is not there.

    Raises:
      DataError: runs are of different test images.
    """
    table = build_table_without_paper(title, dataset, rows[0].runs[0].random_ranking, rows)
    of_variants = differences.of_pairs((variant, rows[0]) for variant in rows[1:])
    of_whole_split = {row.name for row in candidates.of_whole_split(rows)}
    comparisons = tuple(
        Comparison(
            row.name,
            change.description,
            change.flags,
            _score([result.kept_val for result in row.runs]) if row.name in of_whole_split else None,
            _score([result.test for result in row.runs]),
            of_measures,
        )
        for row, change, of_measures in zip(rows, changes, [{}, *of_variants], strict=True)
    )
    return Comparisons(table, comparisons, left_out)


def _score(of_seeds: Sequence[BothDirections]) -> SumOverSeeds:
    sums = [both.sum_of_recalls for both in of_seeds]
    return SumOverSeeds(statistics.fmean(sums), statistics.stdev(sums) if len(sums) > 1 else None)


def _notes(num_variants: int) -> list[str]:
    return [
        "Sums are of the six recalls, 600 at most. The validation sum is that of the epochs whose weights were kept: "
        "whoever chooses a setting chooses by it, and not by the test columns.",
        "A difference is the row less the baseline on test, in percent points, with its 95% bootstrap interval "
        "over the test images, the same resampled images for both. Where the interval contains 0, no difference was "
        "found, which does not show that there is none.",
        "p is two-sided, of the centred bootstrap; behind Holm stands p corrected (Holm-Bonferroni) for the number of "
        f"comparisons in its column, here {num_variants}: of many, some have a small p by luck alone.",
        differences.OF_RUNS_AT_HAND,
    ]


def _comparison(values: dict) -> Comparison:
    return Comparison(
        values["name"],
        values["description"],
        tuple(values["flags"]),
        values["validation_sum"] and SumOverSeeds(**values["validation_sum"]),
        SumOverSeeds(**values["test_sum"]),
        {name: Difference(**each) for name, each in values["differences"].items()},
    )
