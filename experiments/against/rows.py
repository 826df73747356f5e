"""Which runs are set against which, and what each changes."""

import dataclasses
import re
from collections.abc import Sequence

from cmr.config import ComparatorRunConfig
from cmr.errors import ConfigError, WorkspaceError
from cmr.workspace import runs
from cmr.workspace.paths import Workspace
from experiments.comparisons.results import Change
from experiments.trainings import candidates, results
from experiments.trainings.candidates import settings_but_seed
from experiments.trainings.results import RowResult, RunResult


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What is compared.

    Attributes:
      baseline: with which.
      others: at least one, each of other settings and measured on the same test images.
      left_out: a sentence for each run or row that can't be compared.
    """

    baseline: RowResult
    others: tuple[RowResult, ...]
    left_out: tuple[str, ...]

    @property
    def all(self) -> list[RowResult]:
        """The baseline, then the others."""
        return [self.baseline, *self.others]


def choose(workspace: Workspace, baseline: Sequence[str], others: Sequence[str]) -> Chosen:
    """The rows that two flags name among the finished runs.

    Args:
      workspace: of the data set.
      baseline: patterns of --baseline, of names of runs or, as tables print them, of rows.
      others: likewise of --runs; the baseline's runs are none of them.

    Raises:
      ConfigError: a pattern names nothing, the baseline is of several settings, or nothing is left to compare with it.
      WorkspaceError: a file of a run that is compared is damaged.
    """
    finished = candidates.finished_runs(workspace)
    of_baseline = _named(finished, baseline, "baseline", workspace)
    baselines, left_out = candidates.rows_of(of_baseline)
    if not baselines:
        raise ConfigError(f"--baseline={','.join(baseline)}: {left_out[0]}")
    if len(baselines) > 1:
        several = ", ".join(row.runs[0].run.path.name for row in baselines)
        raise ConfigError(
            f"--baseline={','.join(baseline)} names runs of several settings ({several}); give those of one"
        )
    (row,) = baselines
    rest = [result for result in _named(finished, others, "runs", workspace) if result not in of_baseline]
    rows, repeated = candidates.rows_of(rest, taken=[row.name])
    if any(other.name == row.name for other in rows):
        # A run's own name is as tables name the baseline's row.
        row = RowResult(row.runs[0].run.path.name, row.runs)
    flaws = {other.name: _flaw(row, other) for other in rows}
    left_out += [*repeated, *(f"{name} is left out: {flaw}." for name, flaw in flaws.items() if flaw)]
    kept = tuple(other for other in rows if not flaws[other.name])
    if not kept:
        raise ConfigError(
            f"--runs={','.join(others)} leaves nothing to set against {row.name}; train a run that changes something"
            + (f" ({' '.join(left_out)})" if left_out else "")
        )
    return Chosen(row, kept, tuple(left_out))


def change(baseline: RowResult, row: RowResult) -> Change:
    """What a row's settings change; of another command's system, or another of cmr.compare's, its name alone."""
    number = "1 run" if len(row.runs) == 1 else f"{len(row.runs)} runs"
    if row is baseline:
        return Change(f"The baseline, {number}.")
    before, now = baseline.runs[0].run_config, row.runs[0].run_config
    if type(before) is not type(now) or (isinstance(now, ComparatorRunConfig) and before.system != now.system):
        return Change(f"Another system, {now.system}; {number}.")
    settings = {
        name: tuple(map(_value, values))
        for name, values in runs.changed_settings(before, now).items()
        if name != "train.seed" and not name.startswith("checksums.")
    }
    changed = {name: " → ".join(values) for name, values in settings.items() if len(set(values)) > 1}
    return Change(f"{', '.join(f'{name} {values}' for name, values in changed.items())}; {number}.", tuple(changed))


def _named(finished: Sequence[RunResult], patterns: Sequence[str], flag: str, workspace: Workspace) -> list[RunResult]:
    for pattern in patterns:
        if not candidates.named(finished, [pattern]):
            raise ConfigError(
                f"--{flag}: {pattern} names no finished run of cmr.train or cmr.compare in {workspace.run_dir('')}"
            )
    return candidates.named(finished, patterns)


def _flaw(baseline: RowResult, row: RowResult) -> str:
    """Why a row can't be set against the baseline; "" where it can."""
    if settings_but_seed(row.runs[0]) == settings_but_seed(baseline.runs[0]):
        return "it has the baseline's settings"
    try:
        of_row = row.ranks
    except WorkspaceError as error:
        return str(error)
    if not all(ranks.is_of_same_images(baseline.ranks[0]) for ranks in of_row):
        return "it was measured on other test images"
    different = results.different_input([baseline, row])
    return f"it was trained on another version of {different[0]}" if different else ""


def _value(setting: object) -> str:
    """For people: without a seed, which parts no rows, and of a checksum no more than tells it from others."""
    if setting in (None, ""):
        return "none"
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{56}\b", r"\1", re.sub(r", seed \d+", "", str(setting)))
