"""What an experiment has still to do, as `--dry_run` prints it."""

import pathlib
from collections.abc import Sequence

from experiments import preparation, training_queue
from experiments import trainings as trainings_lib


def print_plan(
    steps: Sequence[preparation.Step], trainings: Sequence[trainings_lib.Training], workspace_dir: pathlib.Path
) -> None:
    """Prints the commands of the missing preparations and of the trainings without a finished run."""
    unfinished = training_queue.unfinished(trainings, workspace_dir)
    for step in steps:
        print(step)
    for training in unfinished:
        print(" ".join(["python -m cmr.train", *training.arguments(workspace_dir)]))
    print(f"{len(steps)} preparations and {len(unfinished)} trainings to do")
