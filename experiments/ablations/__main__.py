"""Ablations of a row: trains its variants, and compares each with the row on the same test images.

    python -m experiments.ablations --variants=negatives_batch,gru_reset_after --seeds=1
    python -m experiments.ablations --row=flickr8k/fusion --overlay=laptop --seeds=1

A variant is a flagfile of experiments/flagfiles/ablations/ that holds only what it changes. A finished run is
recognised by the hash of its flags and kept, so a killed ablation goes on where it was, and the baseline's runs are
those of its table. The files are <workspace_dir>/<dataset>/experiments/ablations.md, .csv, .tex, .html and .json.
"""

from absl import flags

from cmr.cli import command
from experiments import extras
from experiments import flags as experiments_flags
from experiments.ablations.variants import VARIANTS

FLAGS = flags.FLAGS

GROUPS = (
    experiments_flags.ablation_flags,
    experiments_flags.preparation_flags,
    experiments_flags.trainings_flags,
)


def main() -> None:
    from experiments.ablations import results
    from experiments.comparisons import files
    from experiments.trainings import arms

    extras.check_installed("jinja2")
    trained = arms.train_from_flags(FLAGS, "ablations", VARIANTS)
    if trained is None:
        return
    ablations = results.measure(trained.arms, trained.rows)
    stem = trained.experiments_dir / "ablations"
    files.write_all(ablations, stem)
    print(f"\n{files.to_markdown(ablations)}\n{stem}.md, .csv, .tex, .html, .json")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
