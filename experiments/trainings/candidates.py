"""The finished runs of a data set as rows: runs that differ in their seed alone stand together."""

import dataclasses
import fnmatch
import re
import statistics
from collections.abc import Collection, Sequence

from cmr.errors import WorkspaceError
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.trainings import queue
from experiments.trainings.results import RowResult, RunResult

# As `Training.run_name` makes it.
_RUN_NAME = re.compile(r"(?P<row>.+)-seed\d+-[0-9a-f]{8}")


def finished_runs(workspace: Workspace) -> list[RunResult]:
    """The finished runs of cmr.train and cmr.compare, whatever their names, by name; an ensemble is none."""
    finished = [Run(path) for path in sorted(workspace.run_dir("").glob("*")) if queue.is_finished(Run(path))]
    return [RunResult(run) for run in finished if run.config_json.exists()]


def named(runs: Sequence[RunResult], patterns: Sequence[str]) -> list[RunResult]:
    """The runs whose own name, or that of their row, one of some patterns is for, such as `best_single-*`."""

    def is_named(result: RunResult) -> bool:
        own = result.run.path.name
        return any(fnmatch.fnmatchcase(name, pattern) for name in (own, row_name(own)) for pattern in patterns)

    return [result for result in runs if is_named(result)]


def row_name(run_name: str) -> str:
    """The name of the row that an experiment trained a run for; of others the run's own."""
    match = _RUN_NAME.fullmatch(run_name)
    return match["row"] if match else run_name


def rows_of(runs: Sequence[RunResult], taken: Collection[str] = ()) -> tuple[list[RowResult], list[str]]:
    """Runs that differ in their seed alone, as rows.

    Args:
      runs: finished ones with settings.
      taken: names that no row may have.

    Returns:
      the rows, each of the name that an experiment gave it or, where two have that, of its first run; and a sentence
      for each run that is left out, for it can't be read or another one has its settings and seed.
    """
    grouped: dict[str, dict[int, RunResult]] = {}
    left_out = []
    for result in runs:
        try:
            of_seeds = grouped.setdefault(settings_but_seed(result), {})
        except WorkspaceError as error:
            left_out.append(f"{result.run.path.name} is left out: {error}.")
            continue
        first = of_seeds.setdefault(result.run_config.train.seed, result)
        if first is not result:
            names = result.run.path.name, first.run.path.name
            left_out.append(f"{names[0]} is left out: it has settings and seed of {names[1]}.")
    first_names = [next(iter(of_seeds.values())).run.path.name for of_seeds in grouped.values()]
    of_rows = [row_name(name) for name in first_names]
    names = [
        first if of_rows.count(row) > 1 or row in taken else row
        for row, first in zip(of_rows, first_names, strict=True)
    ]
    return [RowResult(name, tuple(row.values())) for name, row in zip(names, grouped.values(), strict=True)], left_out


def of_whole_split(rows: Sequence[RowResult]) -> list[RowResult]:
    """The rows that are validated on as many images as any is: among fewer ones ranks are better."""
    numbers = [min(result.kept_val.sentence_retrieval.num_queries for result in row.runs) for row in rows]
    return [row for row, number in zip(rows, numbers, strict=True) if number == max(numbers)]


def mean_validation(row: RowResult) -> float:
    """Mean over the seeds of the best epoch's validation sum of recalls, by which rows are chosen."""
    return statistics.fmean(result.kept_val.sum_of_recalls for result in row.runs)


def settings_but_seed(result: RunResult) -> str:
    """What runs of one row share. Of --finetune_cnn it holds the weights that the second phase began with."""
    # Checksums differ between machines; whether their features are the same is asked of all rows of a table.
    settings = dataclasses.replace(result.run_config, checksums={})
    return re.sub(r'("seed": |, seed )\d+', r"\1", settings.to_json())
