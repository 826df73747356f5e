"""The finished runs of a data set as rows: runs that differ in their seed alone stand together."""

import collections
import dataclasses
import re
import statistics
from collections.abc import Callable, Iterator, Sequence

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
    for result in _finished(workspace, is_candidate):
        match = _RUN_NAME.fullmatch(result.run.path.name)
        if match:
            grouped[match["row"], _settings_but_seed(result)].append(result)
    return [RowResult(row, tuple(results)) for (row, _), results in grouped.items()]


def find_named_rows(workspace: Workspace, is_candidate: Callable[[str], bool]) -> list[RowResult]:
    """All finished runs that have settings, whatever their names; those that differ in the seed alone are a row.

    A row has the name that an experiment gave it, or that of its first run.

    Args:
      workspace: of the data set.
      is_candidate: whether a run of this name is wanted.
    """
    grouped = collections.defaultdict(list)
    for result in _finished(workspace, is_candidate):
        if result.run.config_json.exists():
            grouped[_settings_but_seed(result)].append(result)
    first_names = [results[0].run.path.name for results in grouped.values()]
    of_rows = [match["row"] if (match := _RUN_NAME.fullmatch(name)) else name for name in first_names]
    # Rows of one name whose flags were changed are told apart by their runs'.
    names = [row if of_rows.count(row) == 1 else name for row, name in zip(of_rows, first_names, strict=True)]
    return [RowResult(name, tuple(results)) for name, results in zip(names, grouped.values(), strict=True)]


def _finished(workspace: Workspace, is_candidate: Callable[[str], bool]) -> Iterator[RunResult]:
    for path in sorted(workspace.run_dir("").glob("*")):
        if is_candidate(path.name) and queue.is_finished(Run(path)):
            yield RunResult(Run(path))


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
