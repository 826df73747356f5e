"""The finished runs of a data set as rows: runs that differ in their seed alone stand together."""

import collections
import dataclasses
import re
import statistics
from collections.abc import Callable, Sequence

from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.trainings import queue
from experiments.trainings.results import RowResult, RunResult

# As `Training.run_name` makes it.
_RUN_NAME = re.compile(r"(?P<row>.+)-seed\d+-[0-9a-f]{8}")


def find_rows(workspace: Workspace, is_candidate: Callable[[str], bool]) -> list[RowResult]:
    """The finished runs that an experiment has trained, by row and, where its flags were changed, by settings.

    Args:
      workspace: of the data set.
      is_candidate: whether a run of this name is wanted.
    """
    grouped = collections.defaultdict(list)
    for path in sorted(workspace.run_dir("").glob("*")):
        match = _RUN_NAME.fullmatch(path.name)
        run = Run(path)
        if match and is_candidate(path.name) and queue.is_finished(run):
            result = RunResult(run)
            grouped[match["row"], _settings_but_seed(result)].append(result)
    return [RowResult(row, tuple(results)) for (row, _), results in grouped.items()]


def of_whole_split(rows: Sequence[RowResult]) -> list[RowResult]:
    """The rows that are validated on as many images as any is: among fewer ones all ranks are higher."""
    numbers = [min(result.kept_val.sentence_retrieval.num_queries for result in row.runs) for row in rows]
    return [row for row, number in zip(rows, numbers, strict=True) if number == max(numbers)]


def mean_validation(row: RowResult) -> float:
    """Mean over the seeds of the best epoch's validation sum of recalls, by which rows are chosen."""
    return statistics.fmean(result.kept_val.sum_of_recalls for result in row.runs)


def _settings_but_seed(result: RunResult) -> str:
    # Checksums differ between machines; whether their features are the same is asked of all rows of a table.
    settings = dataclasses.replace(result.run_config, checksums={})
    return re.sub(r'("seed": |, seed )\d+', r"\1", settings.to_json())
