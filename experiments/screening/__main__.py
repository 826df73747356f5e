"""Tries settings one by one and tells what each is worth on the validation split, by which models are chosen.

    python -m experiments.screening --overlay=laptop --jobs=2

A setting is a flagfile that holds only what it changes. What cmr.train measures on test is not read. Finished runs are
kept, so that a screening that was stopped goes on. The files are <workspace_dir>/<dataset>/experiments/screening.md and
.csv.
"""

from absl import flags

from cmr.cli import command
from experiments import flags as experiments_flags
from experiments.screening.variants import VARIANTS

FLAGS = flags.FLAGS

GROUPS = (
    experiments_flags.screening_flags,
    experiments_flags.preparation_flags,
    experiments_flags.trainings_flags,
)


def main() -> None:
    from cmr.workspace import atomic_files
    from experiments.screening import results
    from experiments.trainings import arms

    trained = arms.train_from_flags(FLAGS, "screening", VARIANTS)
    if trained is None:
        return
    trials = results.read_trials(trained.arms, trained.rows)
    stem = trained.experiments_dir / "screening"
    text = results.to_markdown(trials)
    atomic_files.write_text(f"{stem}.md", text + "\n")
    atomic_files.write_text(f"{stem}.csv", results.to_csv(trials))
    print(f"\n{text}\n\n{stem}.md, .csv")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
