"""The finished runs of an ablation, each variant beside the baseline."""

from collections.abc import Sequence

from cmr.evaluation import results_table
from experiments.comparisons import results
from experiments.comparisons.results import Change, Comparisons
from experiments.trainings.arms import Arms
from experiments.trainings.results import RowResult


def measure(arms: Arms, rows: Sequence[RowResult]) -> Comparisons:
    """Compares the finished runs of all arms.

    Args:
      arms: the baseline and its variants.
      rows: of each of them, in the same order.

    Raises:
      DataError: runs are of different test images.
    """
    dataset = arms.baseline.trainings[0].dataset
    title = f"Ablations of {arms.baseline.name}: {results_table.dataset_title(dataset)}"
    changes = [Change(arm.description, arm.flags) for arm in arms.all]
    return results.compare(title, dataset, rows, changes, arms.left_out)
