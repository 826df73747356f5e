"""Sweeps the margin of the ranking loss, as the paper did, and chooses it on the validation split.

    python -m experiments.margin_sweep
    python -m experiments.margin_sweep --row=flickr8k/fusion --overlay=laptop

Prepares and trains what is missing: a sweep that was stopped goes on when the same command is given again. Writes
margin_sweep.json, .csv, .png and .svg to the data set's experiments/ in the workspace, and margin_sweep_hparams/ for
TensorBoard.
"""

import pathlib

from absl import flags

from cmr import shell
from cmr.cli import command, startup
from cmr.cli.flagfiles import find_flagfile
from cmr.errors import ConfigError
from cmr.workspace import atomic_files
from experiments import extras
from experiments import flags as experiments_flags
from experiments.margin_sweep import points
from experiments.margin_sweep.points import Sweep
from experiments.margin_sweep.text import sweep_text
from experiments.trainings import plan, results
from experiments.trainings.results import RowResult, RunResult

FLAGS = flags.FLAGS

GROUPS = (
    experiments_flags.sweep_flags,
    experiments_flags.preparation_flags,
    experiments_flags.trainings_flags,
)


def main() -> None:
    extras.check_installed("matplotlib")
    workspace_dir = pathlib.Path(FLAGS.workspace_dir)
    flagfiles = [find_flagfile(name) for name in (FLAGS.row, *FLAGS.overlay)]
    settings = points.grid(
        [float(margin) for margin in FLAGS.margins],
        [text == "true" for text in FLAGS.image_norm],
        FLAGS.seeds,
    )
    planned = [setting.training(flagfiles) for setting in settings]
    if planned[0].values.loss != "hinge":
        raise ConfigError(f"--row={FLAGS.row} has --loss={planned[0].values.loss}, which reads no margin; give another")
    if not plan.follow_flags(FLAGS, planned):
        return
    finished = [RunResult(training.run(workspace_dir)) for training in planned]
    results.check_same_inputs([RowResult(FLAGS.row, tuple(finished))])
    trained = tuple(points.read_point(*each) for each in zip(settings, finished, strict=True))
    sweep = Sweep(FLAGS.row, tuple(FLAGS.overlay), planned[0].dataset, trained)
    print(f"\n{sweep_text(sweep)}\n", flush=True)
    _write(sweep, planned[0].workspace(workspace_dir).experiments_dir)


def _write(sweep: Sweep, folder: pathlib.Path) -> None:
    from experiments import figures
    from experiments.margin_sweep import plot

    path = folder / "margin_sweep.json"
    atomic_files.write_text(path, sweep.to_json())
    atomic_files.write_text(path.with_suffix(".csv"), sweep.to_csv())
    chosen = sweep.choice.margin if sweep.choice else None
    figure = plot.draw(sweep.scores(True) + sweep.scores(False), chosen, sweep.row)
    figures.write(figure, path)
    # Once all is trained: while trainings run, this process needs no TensorFlow.
    startup.import_tensorflow(FLAGS.tensorflow_logs)
    from experiments.margin_sweep import hparams

    events = folder / "margin_sweep_hparams"
    hparams.write(sweep, events)
    print(f"written {path}, .csv, .png and .svg\nTensorBoard: {shell.tensorboard_command(events)}")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
