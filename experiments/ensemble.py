"""Finds the best row and the best ensemble among finished runs, on the validation split alone, and tests them once.

    python -m experiments.ensemble --dataset=flickr8k
    python -m experiments.ensemble --dataset=flickr8k --candidates='fusion-*,best_single-*'

The ensemble's similarity is the mean of its members' cosines; members are taken greedily while the validation sum of
recalls rises. The files are <workspace_dir>/<dataset>/experiments/beyond.md, .csv, .tex, .html and .json.
"""

import fnmatch
import pathlib

from absl import flags

from cmr import command, errors
from cmr import flags as cmr_flags
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.workspace_flags, experiments_flags.ensemble_flags)


def main() -> None:
    from cmr import results_table
    from cmr import workspace as workspace_lib
    from experiments import candidate_runs, ensemble_run, markdown_tables, result_tables, run_results, table_formats

    workspace = workspace_lib.Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    rows = candidate_runs.find_rows(workspace, _is_candidate)
    if not rows:
        raise errors.ConfigError(
            f"{workspace.run_dir('')} has no finished run that --candidates={','.join(FLAGS.candidates)} names; train "
            "some with experiments.reproduce or experiments.ablations"
        )
    run_results.check_same_inputs(rows)
    best = max(rows, key=candidate_runs.mean_validation)
    print(
        f"best row on validation: {best.name}, {candidate_runs.mean_validation(best):.1f} over {len(best.runs)} seeds"
    )
    ensemble = ensemble_run.select_and_measure(
        workspace, [result for row in rows for result in row.runs], FLAGS.max_members
    )
    rows = [run_results.RowResult(f"best single model ({best.name})", best.runs), ensemble]
    random = best.runs[0].random_ranking
    title = f"Beyond the paper: {results_table.dataset_title(workspace.dataset)}"
    table = result_tables.build(title, workspace.dataset, random, rows)
    stem = workspace.experiments_dir / "beyond"
    table_formats.write_all(table, stem)
    print(f"\n{markdown_tables.to_markdown(table)}\n\n{stem}.md, .csv, .tex, .html, .json")


def _is_candidate(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in FLAGS.candidates)


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
