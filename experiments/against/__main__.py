"""Sets finished runs against one of them: what each changes, and each less it on the same test images.

    python -m cmr.train --dataset=flickr8k --margin=0.2 --run_name=mine
    python -m experiments.against --dataset=flickr8k --baseline=fusion-1a2b3c4d --runs=mine

Runs that differ in their seed alone are one row, whatever their names; those of --finetune_cnn where they began with
the same run. Nothing is trained. The files are
<workspace_dir>/<dataset>/experiments/against-<baseline>.md, .csv, .tex, .html and .json.
"""

import pathlib

from absl import flags

from cmr.cli import command
from cmr.cli import flags as cmr_flags
from experiments import extras
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.workspace_flags, experiments_flags.against_flags)


def main() -> None:
    from cmr.evaluation import results_table
    from cmr.workspace.paths import Workspace
    from experiments.against import rows
    from experiments.comparisons import files, results

    extras.check_installed("jinja2")
    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    chosen = rows.choose(workspace, FLAGS.baseline, FLAGS.runs)
    title = f"Runs against {chosen.baseline.name}: {results_table.dataset_title(workspace.dataset)}"
    changes = [rows.change(chosen.baseline, row) for row in chosen.all]
    comparison = results.compare(title, workspace.dataset, chosen.all, changes, chosen.left_out)
    stem = workspace.experiments_dir / f"against-{chosen.baseline.name}"
    files.write_all(comparison, stem)
    print(f"{files.to_markdown(comparison)}\n{stem}.md, .csv, .tex, .html, .json")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
