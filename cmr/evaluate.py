"""Prints the test table of a finished run again, from its best weights.

python -m cmr.evaluate --run_dir=workspace/flickr8k/runs/fusion-1a2b3c4d
"""

from absl import flags

from cmr.cli import command
from cmr.cli import flags as cmr_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.run_flags,)


def main() -> None:
    from cmr.trained import final_evaluation, finished_run

    opened = finished_run.open_run(FLAGS.run_dir)
    print(final_evaluation.evaluate_test(opened.run, opened.config, opened.inputs).table)


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
