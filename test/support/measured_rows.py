"""Rows of finished runs for tests, without a training: metrics.json and test_ranks.npz alone."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from cmr.evaluation import metrics
from cmr.evaluation.query_ranks import QueryRanks
from cmr.workspace.runs import Run
from experiments.trainings import results
from experiments.trainings.results import RowResult

LAYOUT = np.repeat(np.arange(40), 5)
STAND_IN_VGG = {"features": "vgg16-pool5_avg", "role": "VGG features", "for": "VGG16 fc7"}
STAND_IN = "VGG features vgg16-pool5_avg: stands in for VGG16 fc7; image features inception_v3"
RANDOM = metrics.random_ranking([5] * 40)


def row(
    folder: pathlib.Path,
    name: str,
    seeds: int = 2,
    features: str = "VGG features vgg16-fc7",
    notes: tuple[str, ...] = (),
    highest: int = 30,
    costs: Sequence[Mapping[str, float]] = (),
) -> RowResult:
    """A row whose ranks are drawn up to `highest`; the features `STAND_IN` are kept with `STAND_IN_VGG`.

    Of the first runs `costs` are kept too, as `cost` of metrics.json.
    """
    costs = [*costs, *[{}] * (seeds - len(costs))]
    return results.read_row(
        name,
        [_run(folder / f"{name}-seed{seed}", seed, features, notes, highest, costs[seed]) for seed in range(seeds)],
    )


def _run(
    path: pathlib.Path, seed: int, features: str, notes: tuple[str, ...], highest: int, cost: Mapping[str, float]
) -> Run:
    run = Run(path)
    random = np.random.default_rng(seed)
    ranks = QueryRanks(random.integers(1, highest, 40), random.integers(1, highest, len(LAYOUT)), LAYOUT.copy())
    path.mkdir(parents=True)
    ranks.write(run.test_ranks_npz)
    run.write_metrics(
        {
            "test": ranks.metrics().to_dict(),
            "features": features,
            "notes": list(notes),
            "stand_ins": [STAND_IN_VGG] if features == STAND_IN else [],
            "cost": cost,
        }
    )
    return run
