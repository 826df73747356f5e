"""What an experiment still has to do: preparations, then trainings; carried out, or printed."""

import pathlib
from collections.abc import Sequence

from absl import flags

from cmr.workspace.writer_lock import writer_lock
from experiments.trainings import estimate, preparation, queue
from experiments.trainings.preparation import Preparation, Sources
from experiments.trainings.training import Training


def carry_out(
    trainings: Sequence[Training],
    workspace_dir: pathlib.Path,
    sources: Sources,
    jobs: int = 1,
) -> None:
    """Prepares what unfinished trainings read and the workspace lacks, then trains them.

    Args:
      trainings: of one data set, in the order to train them.
      workspace_dir: of `--workspace_dir`.
      sources: where raw data and weights come from.
      jobs: trainings at once.

    Raises:
      CmrError: a command failed, and what others have finished is kept; or another experiment is at work there.
    """
    # What can't be prepared is said before anything is written.
    _steps(trainings, workspace_dir, sources)
    with writer_lock(trainings[0].workspace(workspace_dir).experiments_dir):
        preparation.carry_out(_steps(trainings, workspace_dir, sources))
        queue.train(trainings, workspace_dir, jobs)


def follow_flags(values: flags.FlagValues, trainings: Sequence[Training]) -> bool:
    """Carries out what an experiment needs, or with `--dry_run` prints it.

    Args:
      values: parsed flags, with those of `flags.preparation_flags` and `flags.trainings_flags`.
      trainings: in the order to train them.

    Returns:
      Whether all is trained now.

    Raises:
      CmrError: see `carry_out`.
    """
    workspace_dir = pathlib.Path(values.workspace_dir)
    sources = Sources(values.data_dir, values.vgg_weights, values.image_weights)
    if values.dry_run:
        print(describe(trainings, workspace_dir, sources))
        return False
    carry_out(trainings, workspace_dir, sources, values.jobs)
    return True


def describe(trainings: Sequence[Training], workspace_dir: pathlib.Path, sources: Sources) -> str:
    """The commands that `carry_out` would run, one a line for a shell; behind them, as comments, what they cost."""
    steps = _steps(trainings, workspace_dir, sources)
    unfinished = queue.unfinished(trainings, workspace_dir)
    commands = [Preparation(training.command, tuple(training.arguments(workspace_dir))) for training in unfinished]
    lines = [
        *map(str, [*steps, *commands]),
        f"# {len(steps)} preparations and {len(unfinished)} of {len(trainings)} trainings to do",
        f"# {estimate.hours(unfinished, workspace_dir)}",
        f"# {estimate.disk(unfinished, workspace_dir)}",
    ]
    return "\n".join(lines)


def _steps(trainings: Sequence[Training], workspace_dir: pathlib.Path, sources: Sources) -> list[Preparation]:
    """What has to be prepared; a finished run is only read, and needs nothing of what it was trained on."""
    return preparation.missing_steps(queue.unfinished(trainings, workspace_dir), workspace_dir, sources)
