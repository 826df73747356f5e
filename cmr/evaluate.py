"""Prints the test table of a finished run again, from its best weights, or what a comparator's run keeps.

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
    said, config, notes = opened.similarities("test"), opened.config, opened.run.read_metrics()["notes"]
    print(final_evaluation.measure_test(said, config.dataset, config.system, opened.inputs, notes).table)


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
