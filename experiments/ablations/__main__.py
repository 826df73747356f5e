"""Ablations of a row: trains its variants, and compares each with the row on the same test images.

    python -m experiments.ablations --overlay=stand_ins --overlay=laptop --seeds=1
    python -m experiments.ablations --baseline=scenes/fusion --variants=negatives_batch,gru_reset_after --seeds=1

A variant is a flagfile of experiments/ablations/ that holds only what it changes. A finished run is recognised by the
hash of its flags and kept, so a killed ablation goes on where it was, and the baseline's runs are those of its table.
The files are <workspace_dir>/<dataset>/experiments/ablations.md, .csv, .tex, .html and .json.
"""

import pathlib

from absl import flags

from cmr.cli import command
from experiments import extras
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (
    experiments_flags.ablation_flags,
    experiments_flags.preparation_flags,
    experiments_flags.trainings_flags,
)


def main() -> None:
    from experiments.ablations import files, results, variants
    from experiments.trainings import plan

    extras.check_installed("jinja2")
    workspace_dir = pathlib.Path(FLAGS.workspace_dir)
    arms = variants.plan(FLAGS.baseline, FLAGS.overlay, FLAGS.variants, FLAGS.seeds)
    for sentence in arms.left_out:
        print(sentence)
    if not FLAGS.dry_run:
        print(f"the baseline and {len(arms.variants)} variants, {FLAGS.seeds} runs of each", flush=True)
    if not plan.follow_flags(FLAGS, arms.trainings):
        return
    ablations = results.measure(arms, workspace_dir)
    stem = arms.trainings[0].workspace(workspace_dir).experiments_dir / "ablations"
    files.write_all(ablations, stem)
    print(f"\n{files.to_markdown(ablations)}\n{stem}.md, .csv, .tex, .html, .json")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
