"""What tried settings came to on the validation split, on which alone a model is chosen."""

import dataclasses
import pathlib
import statistics
from collections.abc import Sequence

import pandas as pd

from experiments.ablations.variants import Arms
from experiments.tables import markdown
from experiments.trainings import candidates, results

# Flagfiles of experiments/screening/, one a thing that was tried.
VARIANTS = (
    "no_dropout",
    "more_dropout",
    "captioner_embedding",
    "image_features_alone",
    "narrow_margin",
    "constant_rate",
    "hardest",
    "hardest_after_warm_up",
    "softmax_loss",
    "larger_batch",
    "word_dropout",
    "mean_pooling",
    "attention_pooling",
    "bidirectional",
    "averaged_weights",
    "softmax_mean",
    "softmax_attention",
    "softmax_mean_bidirectional",
    "softmax_mean_averaged",
    "softmax_mean_word_dropout",
    "warm_up_mean",
    "softmax_mean_both",
    "softmax_mean_both_larger_batch",
    "softmax_mean_both_more_word_dropout",
    "softmax_mean_both_smaller_batch",
    "hardest_wide_margin",
)


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


def read_trials(arms: Arms, workspace_dir: pathlib.Path) -> list[Trial]:
    """Reads the validation numbers of finished runs, the baseline's first; test numbers are not read."""
    trials = []
    for arm in (arms.baseline, *arms.variants):
        row = results.read_trained_row(arm.name, arm.trainings, workspace_dir)
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
