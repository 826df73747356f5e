"""Finds the best row and the best ensemble among finished runs, on the validation split alone, and tests them once.

    python -m experiments.ensemble --dataset=flickr8k
    python -m experiments.ensemble --dataset=flickr8k --candidates='fusion-*,best_single-*' --query_banks=train

The ensemble's similarity is the mean of its members' cosines; members are taken greedily while the validation sum of
recalls rises. The files are <workspace_dir>/<dataset>/experiments/beyond.md, .csv, .tex, .html and .json.
"""

import pathlib

from absl import flags

from cmr.cli import command
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError
from experiments import extras
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.workspace_flags, experiments_flags.ensemble_flags)


def main() -> None:
    from cmr.workspace.paths import Workspace
    from cmr.workspace.writer_lock import writer_lock
    from experiments.ensemble import measuring
    from experiments.tables import formats, markdown, paper
    from experiments.tables.table import build_table
    from experiments.trainings import candidates
    from experiments.trainings.results import RowResult

    extras.check_installed("jinja2")
    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    rows = _candidates(workspace)
    if "train" in FLAGS.query_banks:
        _check_banks(rows)
    best = max(rows, key=candidates.mean_validation)
    print(f"best row on validation: {best.name}, {candidates.mean_validation(best):.1f} over {len(best.runs)} seeds")
    with writer_lock(workspace.experiments_dir):
        members = [result for row in rows for result in row.runs]
        ensemble = measuring.select_and_measure(workspace, members, FLAGS.max_members)
        rows = [RowResult(f"best single model ({best.name})", best.runs), ensemble]
        rows += [
            measuring.correct(workspace, row, bank) for bank in dict.fromkeys(FLAGS.query_banks) for row in rows[:2]
        ]
    random = best.runs[0].random_ranking
    table = build_table(paper.title_of_best(workspace.dataset), workspace.dataset, random, rows)
    stem = workspace.experiments_dir / "beyond"
    formats.write_all(table, stem)
    print(f"\n{markdown.to_markdown(table)}\n\n{stem}.md, .csv, .tex, .html, .json")


def _candidates(workspace):
    """The rows that --candidates names and that can be members; says which others can't."""
    from experiments.trainings import candidates, results

    named = candidates.named(candidates.finished_runs(workspace), FLAGS.candidates)
    if not named:
        raise ConfigError(
            f"{workspace.run_dir('')} has no finished run that --candidates={','.join(FLAGS.candidates)} names; train "
            "some with experiments.reproduce or experiments.ablations"
        )
    of_split, left_out = candidates.rows_of([result for result in named if result.run.has_answers])
    rows = candidates.of_whole_split(of_split)
    silent = [result.run.path.name for result in named if not result.run.has_answers]
    if silent:
        left_out.append(f"Left out, for they have neither weights nor scores: {', '.join(silent)}.")
    of_a_part = sorted({row.name for row in of_split} - {row.name for row in rows})
    if of_a_part:
        left_out.append(f"Left out, for they are validated on a part of the split: {', '.join(of_a_part)}.")
    if not rows:
        raise ConfigError(f"--candidates={','.join(FLAGS.candidates)}: {' '.join(left_out)}")
    print("".join(f"{sentence}\n" for sentence in left_out), end="")
    results.check_same_inputs(rows)
    return rows


def _check_banks(rows) -> None:
    from cmr.config import ComparatorRunConfig

    for result in (result for row in rows for result in row.runs):
        is_comparator = isinstance(result.run_config, ComparatorRunConfig)
        if is_comparator and not result.run.similarities_npz("train").exists():
            raise ConfigError(
                f"--query_banks=train needs embeddings of the training split, and {result.run.path.name} keeps none: "
                "its system scores pairs, or it came without them; leave it out of --candidates"
            )


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
