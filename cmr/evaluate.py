"""Prints the test table of a finished run again, from its best weights, or what a comparator's run keeps.

python -m cmr.evaluate --run_dir=workspace/flickr8k/runs/fusion-1a2b3c4d
python -m cmr.evaluate --run_dir=workspace/flickr8k/runs/fusion-1a2b3c4d --query_bank=train
"""

from absl import flags

from cmr.cli import command
from cmr.cli import flags as cmr_flags

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.run_flags, cmr_flags.query_bank_flags)


def main() -> None:
    from cmr.evaluation import query_bank
    from cmr.trained import final_evaluation, finished_run

    opened = finished_run.open_run(FLAGS.run_dir)
    config, notes = opened.config, opened.run.read_metrics()["notes"]
    if FLAGS.query_bank == "none":
        said = opened.similarities("test")
    else:
        bank = opened.query_bank() if FLAGS.query_bank == "train" else None
        corrected = query_bank.correct_splits(opened.similarities, opened.inputs, bank)
        said, notes = corrected.test, [*notes, corrected.note]
    print(final_evaluation.measure_test(said, config.dataset, config.system, opened.inputs, notes).table)


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
