"""Sets finished runs against one of them: what each changes, and each less it on the same test images.

    python -m cmr.train --dataset=flickr8k --margin=0.2 --run_name=mine
    python -m experiments.against --dataset=flickr8k --baseline='fusion-*' --runs=mine

Runs that differ in their seed alone are one row, whatever their names. Nothing is trained. The files are
<workspace_dir>/<dataset>/experiments/against-<baseline>.md, .csv, .tex, .html and .json.
"""

import fnmatch
import pathlib
from collections.abc import Sequence

from absl import flags

from cmr.cli import command
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError
from experiments import extras
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.workspace_flags, experiments_flags.against_flags)


def main() -> None:
    from cmr.evaluation import results_table
    from cmr.workspace.paths import Workspace
    from experiments.ablations import files
    from experiments.ablations import results as compared
    from experiments.trainings import candidates, results

    extras.check_installed("jinja2")
    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    rows = candidates.find_named_rows(workspace, lambda name: _is_of(name, [*FLAGS.baseline, *FLAGS.runs]))
    baselines = [row for row in rows if any(_is_of(each.run.path.name, FLAGS.baseline) for each in row.runs)]
    if len(baselines) != 1:
        raise ConfigError(_not_one(baselines, workspace))
    results.check_same_inputs(rows)
    (baseline,) = baselines
    others = [row for row in rows if row is not baseline]
    if not others:
        raise ConfigError(
            f"--runs={','.join(FLAGS.runs)} names no finished run of {workspace.run_dir('')} but the baseline's; "
            "train one that changes something"
        )
    title = f"Runs against {baseline.name}: {results_table.dataset_title(workspace.dataset)}"
    changes = [compared.Change(f"The baseline, {_runs(baseline)}."), *(_change(baseline, row) for row in others)]
    comparison = compared.compare(title, workspace.dataset, [baseline, *others], changes)
    stem = workspace.experiments_dir / f"against-{baseline.name}"
    files.write_all(comparison, stem)
    print(f"{files.to_markdown(comparison)}\n{stem}.md, .csv, .tex, .html, .json")


def _is_of(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _not_one(baselines, workspace) -> str:
    named = f"--baseline={','.join(FLAGS.baseline)}"
    if not baselines:
        return f"{named} names no finished run of {workspace.run_dir('')}; give the name of one"
    several = ", ".join(row.runs[0].run.path.name for row in baselines)
    return f"{named} names runs of several settings ({several}); give those of one"


def _runs(row) -> str:
    return "1 run" if len(row.runs) == 1 else f"{len(row.runs)} runs"


def _change(baseline, row):
    """What a row's settings change; of another command's system, or another of cmr.compare's, its name alone."""
    from cmr.config import ComparatorRunConfig
    from cmr.workspace import runs
    from experiments.ablations.results import Change

    before, now = baseline.runs[0].run_config, row.runs[0].run_config
    if type(before) is not type(now) or (isinstance(now, ComparatorRunConfig) and before.system != now.system):
        return Change(f"Another system, {now.system}; {_runs(row)}.")
    changed = {
        name: " → ".join("none" if value in (None, "") else str(value) for value in values)
        for name, values in runs.changed_settings(before, now).items()
        if name != "train.seed" and not name.startswith("checksums.")
    }
    sentence = ", ".join(f"{name} {values}" for name, values in changed.items())
    return Change(f"{sentence}; {_runs(row)}.", tuple(changed))


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
