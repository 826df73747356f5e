"""Trains and measures a system of the paper's tables on the same features as our models, then prints its test table.

    python -m cmr.compare --system=cca --dataset=flickr8k
    python -m cmr.compare --system=cca --dataset=flickr8k --image_features=efficientnet_lite2

Without --vgg_features and --image_features it reads those of the CNN flags side by side; with them those that
are named. A run that was stopped goes on when the same command is given again; a finished one prints its table.
"""

import contextlib

from absl import flags

from cmr.cli import command, compare_flags, datasets
from cmr.comparators.settings import flag_groups
from cmr.comparators.settings.registry import SETTINGS
from cmr.errors import ConfigError

FLAGS = flags.FLAGS

GROUPS = flag_groups.GROUPS


def check_flags() -> None:
    """Refuses flags that say nothing of the system."""
    idle = [name for name in sorted(flag_groups.of_other_systems(FLAGS.system)) if FLAGS[name].present]
    if FLAGS.word_vectors and not compare_flags.settings_of(FLAGS, SETTINGS[FLAGS.system]).takes_word_vectors:
        idle.append("word_vectors")
    if idle:
        raise ConfigError(f"--{idle[0]} says nothing of --system={FLAGS.system}; leave it out")


def main() -> None:
    from cmr.comparators import run as comparator_run
    from cmr.comparators.setup import ComparatorSetup
    from cmr.workspace.runs import Run, default_run

    print(datasets.take_defaults(FLAGS), end="", flush=True)
    setup = ComparatorSetup.from_flags(FLAGS)
    run = (
        Run(setup.workspace.run_dir(FLAGS.run_name))
        if FLAGS.run_name
        else default_run(setup.workspace.dataset_dir / "runs", setup.run_config)
    )
    is_to_train = run.has_more_epochs(setup.run_config) or not run.is_finished
    flags_text = command.flagfile_text(FLAGS, GROUPS, flag_groups.of_other_systems(FLAGS.system))
    # A finished run is only read, and may lie where nothing can be written.
    with run.writer() if is_to_train else contextlib.nullcontext():
        changed = run.start(setup.run_config, flags_text)
        print(f"run {run.path}", flush=True)
        if changed:
            print(f"begun with other limits ({changed})", flush=True)
        if is_to_train:
            comparator_run.train_and_measure(setup, run, flags_text)
    print(f"\n{comparator_run.table(setup, run)}")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, check_flags)
