"""The paper's own systems less every other one: what its table says of each pair, and what was measured here."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from cmr.evaluation import results_table
from cmr.evaluation.results_table import PaperRow
from experiments.tables import differences, json_text
from experiments.tables.differences import Difference
from experiments.trainings import results
from experiments.trainings.results import RowResult

AS_PRINTED, TURNED_ROUND, NOT_TOLD_APART = "as printed", "turned round", "not told apart"
# Of the paper's printed row the numbers that each measure adds up.
_PRINTED: dict[str, Callable[[PaperRow], Sequence[str]]] = {
    "sum_of_recalls": lambda row: (*row.sentence_retrieval[:3], *row.image_retrieval[:3]),
    "sentence_retrieval_recall_at_1": lambda row: row.sentence_retrieval[:1],
    "image_retrieval_recall_at_1": lambda row: row.image_retrieval[:1],
}


@dataclasses.dataclass(frozen=True)
class Claim:
    """Two rows of ours, and the paper's rows of the same systems.

    Attributes:
      first: name of our row.
      second: name of the row that is taken from it.
      printed: the paper's difference by `differences.MEASURES`; None where it does not print both systems.
      measured: ours, likewise.
    """

    first: str
    second: str
    printed: dict[str, float | None]
    measured: dict[str, Difference]

    def verdict(self, measure: str) -> str:
        """`AS_PRINTED`, `TURNED_ROUND` or `NOT_TOLD_APART`; "" where the paper prints none of the two to be better."""
        printed, measured = self.printed[measure], self.measured[measure]
        if not printed:
            return ""
        if not measured.is_found_corrected:
            return NOT_TOLD_APART
        return AS_PRINTED if (printed > 0) == (measured.estimate > 0) else TURNED_ROUND


@dataclasses.dataclass(frozen=True)
class Reading:
    """A reading of the paper: its systems as it has them.

    Attributes:
      heading: its name.
      claims: of each of its systems, with the others of the reading first and then with everybody else's.
    """

    heading: str
    claims: tuple[Claim, ...]

    @property
    def counts(self) -> str:
        """A sentence that counts the verdicts on the sum of recalls."""
        verdicts = [claim.verdict("sum_of_recalls") for claim in self.claims]
        judged = sum(map(bool, verdicts))
        if not judged:
            return "The paper prints both systems of none of these pairs."
        counted = ", ".join(f"{verdicts.count(each)} {each}" for each in (AS_PRINTED, TURNED_ROUND, NOT_TOLD_APART))
        return f"Pairs of which the paper prints both systems: {judged}. By the sum of recalls {counted}."


@dataclasses.dataclass(frozen=True)
class Claims:
    """All of a table.

    Attributes:
      title: above it.
      dataset: the workspace's name of the data set.
      readings: those of which at least two rows can be compared.
      features: a sentence for each combination of features that rows read, with the rows' names.
      further_notes: sentences, such as one for each row that is left out.
    """

    title: str
    dataset: str
    readings: tuple[Reading, ...]
    features: tuple[str, ...]
    further_notes: tuple[str, ...]

    @property
    def is_of_paper(self) -> bool:
        """Whether the paper has a table of the data set."""
        return bool(results_table.paper_table(self.dataset))

    @property
    def notes(self) -> list[str]:
        """Sentences beneath the table: how it was made, and what was left out."""
        of_paper = [
            f"A pair comes out {AS_PRINTED} or {TURNED_ROUND} where p after Holm's correction (for all pairs of a "
            f"reading in one measure) is at most {differences.LEVEL}, and is {NOT_TOLD_APART} otherwise, which does "
            "not show that both are equal. Where the paper does not print one of the two, there is nothing to hold.",
        ]
        return [
            "A difference is the first system less the second, in percent points, with its 95% bootstrap interval over "
            "the test images, the same resampled images for both; means where a row has several seeds. The sum is that "
            "of the six recalls, 600 at most.",
            *(of_paper if self.is_of_paper else []),
            differences.OF_RUNS_AT_HAND,
            *self.features,
            *self.further_notes,
        ]

    def to_json(self) -> str:
        """Text that `from_json` reads exactly."""
        return json_text.written(self)

    @classmethod
    def from_json(cls, text: str) -> "Claims":
        """The inverse of `to_json`.

        Raises:
          DataError: the text holds no claims.
        """
        with json_text.refusing("these are no claims", "give the command again"):
            values = json.loads(text)
            readings = tuple(
                Reading(each["heading"], tuple(_claim(claim) for claim in each["claims"]))
                for each in values["readings"]
            )
            return cls(
                values["title"], values["dataset"], readings, tuple(values["features"]), tuple(values["further_notes"])
            )


def compare(
    title: str,
    dataset: str,
    rows: Mapping[str, RowResult],
    readings: Mapping[str, Sequence[str]],
    comparators: Sequence[str],
    further_notes: Sequence[str] = (),
) -> Claims:
    """Compares the finished rows of a table.

    Args:
      title: of the table.
      dataset: the workspace's name of it, by which the paper's printed rows are found.
      rows: by their names, those that have finished runs.
      readings: heading -> names of the paper's own systems in one reading, the weakest by the paper first.
      comparators: names of the other systems' rows.
      further_notes: sentences on how the rows were made, and on those that are not there.

    Raises:
      DataError: runs are of different test images.
    """
    compared = []
    for heading, names in readings.items():
        own = [rows[name] for name in reversed(names) if name in rows]
        others = [rows[name] for name in comparators if name in rows]
        pairs = [(first, second) for place, first in enumerate(own) for second in (*own[place + 1 :], *others)]
        if pairs:
            measured = differences.of_pairs(pairs)
            claims = (
                Claim(first.name, second.name, _printed(dataset, first, second), of_pair)
                for (first, second), of_pair in zip(pairs, measured, strict=True)
            )
            compared.append(Reading(heading, tuple(claims)))
    notes = *_footnotes(dataset, rows), *further_notes
    return Claims(title, dataset, tuple(compared), tuple(_features(list(rows.values()))), notes)


def _footnotes(dataset: str, rows: Mapping[str, RowResult]) -> list[str]:
    """What has to be known of the paper's rows of these systems."""
    printed = (results_table.paper_row(dataset, row.runs[0].run_config.system) for row in rows.values())
    return results_table.footnotes(dataset, list(dict.fromkeys(row.system for row in printed if row is not None)))


def _printed(dataset: str, first: RowResult, second: RowResult) -> dict[str, float | None]:
    of_both = [results_table.paper_row(dataset, row.runs[0].run_config.system) for row in (first, second)]
    if None in of_both:
        return dict.fromkeys(differences.MEASURES)
    return {
        measure: sum(map(float, numbers(of_both[0]))) - sum(map(float, numbers(of_both[1])))
        for measure, numbers in _PRINTED.items()
    }


def _features(rows: Sequence[RowResult]) -> Iterator[str]:
    """Rows that read the same features together, those that most read first."""
    for features, readers in sorted(results.by_features(rows).items(), key=lambda item: -len(item[1])):
        named = (f"{row.name} ({len(row.runs)} seeds)" if len(row.runs) > 1 else row.name for row in readers)
        yield f"Features of {', '.join(named)}: {features}."


def _claim(values: dict) -> Claim:
    printed = {name: values["printed"][name] for name in differences.MEASURES}
    measured = {name: Difference(**values["measured"][name]) for name in differences.MEASURES}
    return Claim(values["first"], values["second"], printed, measured)
