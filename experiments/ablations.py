"""Ablations of a row: trains its variants, and compares each with the row on the same test images.

    python -m experiments.ablations --overlay=stand_ins --overlay=laptop --seeds=1
    python -m experiments.ablations --baseline=scenes/fusion --variants=negatives_batch,gru_reset_after --seeds=1

A variant is a flagfile of experiments/ablations/ that holds only what it changes. A finished run is recognised by the
hash of its flags and kept, so a killed ablation goes on where it was, and the baseline's runs are those of its table.
The files are <workspace_dir>/<dataset>/experiments/ablations.md, .csv, .tex, .html and .json.
"""

import pathlib

from absl import flags

from cmr import command
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (
    experiments_flags.ablation_flags,
    experiments_flags.preparation_flags,
    experiments_flags.trainings_flags,
)


def main() -> None:
    from cmr import workspace as workspace_lib
    from experiments import ablation_files, ablation_results, ablation_variants, plan, preparation

    workspace_dir = pathlib.Path(FLAGS.workspace_dir)
    arms = ablation_variants.plan(FLAGS.baseline, FLAGS.overlay, FLAGS.variants, FLAGS.seeds)
    for sentence in arms.left_out:
        print(sentence)
    sources = preparation.Sources(FLAGS.data_dir, FLAGS.vgg_weights, FLAGS.image_weights)
    if FLAGS.dry_run:
        print(plan.describe(arms.trainings, workspace_dir, sources))
        return
    print(f"the baseline and {len(arms.variants)} variants, {FLAGS.seeds} runs of each", flush=True)
    plan.carry_out(arms.trainings, workspace_dir, sources, FLAGS.jobs)
    ablations = ablation_results.measure(arms, workspace_dir)
    workspace = workspace_lib.Workspace(workspace_dir, arms.baseline.trainings[0].dataset)
    stem = workspace.experiments_dir / "ablations"
    ablation_files.write_all(ablations, stem)
    print(f"\n{ablation_files.to_markdown(ablations)}\n{stem}.md, .csv, .tex, .html, .json")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
