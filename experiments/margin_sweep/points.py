"""The points of a margin sweep: what is trained at each, what it came to on validation, and the margin chosen.

The paper tried the margins 0.1 ... 0.9 and chose 0.7 on the validation split. Nothing here reads the test split.
"""

import csv
import dataclasses
import io
import itertools
import json
import pathlib
import statistics
from collections.abc import Sequence

from cmr.evaluation import metrics
from cmr.evaluation.metrics import BothDirections
from experiments.trainings.results import RunResult
from experiments.trainings.training import Training

PAPER_MARGIN = 0.7

_NAME = "margin"


@dataclasses.dataclass(frozen=True)
class Setting:
    """Where a point lies.

    Attributes:
      margin: of Eq. 6.
      image_norm: unit image embeddings in the loss.
      seed: of the run.
    """

    margin: float
    image_norm: bool
    seed: int

    def training(self, flagfiles: Sequence[pathlib.Path]) -> Training:
        """What cmr.train is told at this point.

        Args:
          flagfiles: of the row, overlays behind it.
        """
        own = (f"--margin={self.margin}", f"--image_norm_in_loss={str(self.image_norm).lower()}")
        return Training(_NAME, tuple(flagfiles), own, self.seed)


def grid(margins: Sequence[float], image_norms: Sequence[bool], seeds: int) -> list[Setting]:
    """Every setting of a sweep, by rising margin; the unit vectors, on which the choice depends, come first."""
    return [
        Setting(margin, image_norm, seed)
        for image_norm, margin, seed in itertools.product(
            sorted(image_norms, reverse=True), sorted(margins), range(seeds)
        )
    ]


@dataclasses.dataclass(frozen=True)
class Point:
    """A trained point.

    Attributes:
      setting: where it lies.
      run: name of its run.
      epoch: the one whose weights were kept.
      validation: its metrics on the validation split.
    """

    setting: Setting
    run: str
    epoch: int
    validation: BothDirections


def read_point(setting: Setting, result: RunResult) -> Point:
    """Reads a point from its finished run."""
    return Point(setting, result.run.path.name, result.best_epoch, result.best_val)


@dataclasses.dataclass(frozen=True)
class MarginScore:
    """What a margin came to on validation: means over the seeds, in percent.

    Attributes:
      margin: of Eq. 6.
      image_norm: unit image embeddings in the loss.
      seeds: how many runs stand behind the means.
      sum_of_recalls: of the six recalls of both directions.
      sentence_recall_at_1: R@1 of sentence retrieval.
      image_recall_at_1: R@1 of image retrieval.
    """

    margin: float
    image_norm: bool
    seeds: int
    sum_of_recalls: float
    sentence_recall_at_1: float
    image_recall_at_1: float


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A whole sweep.

    Attributes:
      row: the flagfile swept, as it was named.
      overlays: the flagfiles read after it, as they were named.
      dataset: name of the data set.
      points: every run.
    """

    row: str
    overlays: tuple[str, ...]
    dataset: str
    points: tuple[Point, ...]

    def scores(self, image_norm: bool) -> list[MarginScore]:
        """The margins' scores with or without unit image vectors, by rising margin; empty where none was trained."""
        by_margin: dict[float, list[BothDirections]] = {}
        for point in self.points:
            if point.setting.image_norm == image_norm:
                by_margin.setdefault(point.setting.margin, []).append(point.validation)
        return [_score(margin, image_norm, by_margin[margin]) for margin in sorted(by_margin)]

    @property
    def choice(self) -> MarginScore | None:
        """The largest sum of recalls with unit image vectors, of equal ones the smaller margin; None without any."""
        # Sums of the same recalls can differ in their last bits, which are no better score.
        return min(
            self.scores(image_norm=True),
            key=lambda score: (-round(score.sum_of_recalls, 6), score.margin),
            default=None,
        )

    def to_json(self) -> str:
        """margin_sweep.json, which `from_json` reads back; scores and choice follow from the points."""
        values = {
            "row": self.row,
            "overlays": list(self.overlays),
            "dataset": self.dataset,
            "split": "val",
            "points": [_point_values(point) for point in self.points],
            "scores": [dataclasses.asdict(score) for norm in (True, False) for score in self.scores(norm)],
            "choice": dataclasses.asdict(self.choice) if self.choice else None,
        }
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Sweep":
        """The inverse of `to_json`."""
        values = json.loads(text)
        points = tuple(
            Point(
                Setting(point["margin"], point["image_norm"], point["seed"]),
                point["run"],
                point["epoch"],
                BothDirections.from_dict(point["validation"]),
            )
            for point in values["points"]
        )
        return cls(values["row"], tuple(values["overlays"]), values["dataset"], points)

    def to_csv(self) -> str:
        """margin_sweep.csv: a row a run."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = list(itertools.product(metrics.DIRECTIONS, metrics.METRICS))
        measured = [f"val_{direction}_{name}" for direction, name in columns]
        writer.writerow(["run", "margin", "image_norm", "seed", "epoch", "val_sum_of_recalls", *measured])
        for point in self.points:
            setting, val = point.setting, point.validation
            numbers = [
                getattr(getattr(val, direction), name) for direction in metrics.DIRECTIONS for name in metrics.METRICS
            ]
            norm = str(setting.image_norm).lower()
            writer.writerow([point.run, setting.margin, norm, setting.seed, point.epoch, val.sum_of_recalls, *numbers])
        return text.getvalue()


def _score(margin: float, image_norm: bool, measured: Sequence[BothDirections]) -> MarginScore:
    return MarginScore(
        margin,
        image_norm,
        len(measured),
        statistics.fmean(val.sum_of_recalls for val in measured),
        statistics.fmean(val.sentence_retrieval.recall_at_1 for val in measured),
        statistics.fmean(val.image_retrieval.recall_at_1 for val in measured),
    )


def _point_values(point: Point) -> dict:
    return {
        "run": point.run,
        **dataclasses.asdict(point.setting),
        "epoch": point.epoch,
        "validation": point.validation.to_dict(),
    }
