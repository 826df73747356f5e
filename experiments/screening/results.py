"""What tried settings came to on the validation split, on which alone a model is chosen."""

import dataclasses
import statistics
from collections.abc import Sequence

import pandas as pd

from experiments.tables import markdown
from experiments.trainings import candidates
from experiments.trainings.arms import Arms
from experiments.trainings.results import RowResult


@dataclasses.dataclass(frozen=True)
class Trial:
    """One setting.

    Attributes:
      name: of its flagfile.
      description: a sentence; the first line of the flagfile.
      seeds: runs behind the means.
      validation_sum: mean of the six recalls' sum in the best epoch.
      sentence_recall_at_1: likewise R@1 of sentence retrieval, in percent.
      image_recall_at_1: likewise of image retrieval.
      gain: of the sum over the baseline's.
    """

    name: str
    description: str
    seeds: int
    validation_sum: float
    sentence_recall_at_1: float
    image_recall_at_1: float
    gain: float


def read_trials(arms: Arms, rows: Sequence[RowResult]) -> list[Trial]:
    """Reads the validation numbers of finished runs, the baseline's first; test numbers are not read.

    Args:
      arms: the baseline and its variants.
      rows: of each of them, in the same order.
    """
    trials = []
    for arm, row in zip(arms.all, rows, strict=True):
        total = candidates.mean_validation(row)
        best = [result.best_val for result in row.runs]
        trials.append(
            Trial(
                arm.name,
                arm.description,
                len(best),
                total,
                statistics.fmean(val.sentence_retrieval.recall_at_1 for val in best),
                statistics.fmean(val.image_retrieval.recall_at_1 for val in best),
                total - (trials[0].validation_sum if trials else total),
            )
        )
    return trials


def to_csv(trials: Sequence[Trial]) -> str:
    """A row a setting, unrounded."""
    return pd.DataFrame([dataclasses.asdict(trial) for trial in trials]).to_csv(index=False, lineterminator="\n")


def to_markdown(trials: Sequence[Trial]) -> str:
    """A table: the baseline, then the others by falling sum."""
    first, *others = trials
    lines = [
        [
            markdown.in_cell(trial.name),
            markdown.in_cell(trial.description),
            f"{trial.sentence_recall_at_1:.1f}",
            f"{trial.image_recall_at_1:.1f}",
            f"{trial.validation_sum:.1f}",
            "" if trial is first else f"{trial.gain:+.1f}",
        ]
        for trial in (first, *sorted(others, key=lambda trial: -trial.validation_sum))
    ]
    header = ("setting", "what it changes", "sentence R@1", "image R@1", "sum of recalls", "gain")
    return markdown.aligned(header, lines, num_left=2)
