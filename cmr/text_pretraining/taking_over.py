"""A phase that another run has been through already, taken over in the place of training it again."""

import pathlib
import shutil

import tensorflow as tf

from cmr.config import RunConfig
from cmr.errors import ConfigError, WorkspaceError
from cmr.text_pretraining import phase_settings
from cmr.training import loop
from cmr.workspace import atomic_files, runs
from cmr.workspace.runs import Run


def check(source: Run, run_config: RunConfig) -> None:
    """Refuses a run whose phase would not have come to the weights that one of these settings comes to.

    Args:
      source: the run that has been through the phase.
      run_config: of the run that is to take it over.

    Raises:
      WorkspaceError: it is no run, or its phase is damaged.
      ConfigError: it has no such phase, one of other settings, or one that has not ended.
    """
    config = source.read_config()
    if config.text_pretraining is None:
        raise ConfigError(
            f"{source.path} has not learnt from sentences first; give a run with --sentences_of as --sentences_from"
        )
    different = runs.differences(phase_settings.deciding(config), phase_settings.deciding(run_config))
    if different:
        raise ConfigError(
            f"{source.path} learnt from sentences first with other settings ({', '.join(different.values())}); leave "
            "--sentences_from out"
        )
    if len(source.text_phase.read_history()) < config.text_pretraining.sentence_epochs:
        raise ConfigError(f"{source.path} still learns from sentences; wait for it, or leave --sentences_from out")
    source.text_phase.check_best_weights()
    _check_state(source.text_phase)


def take_over(source: Run, run: Run) -> None:
    """Copies the phase, which then is as training it would have left it: with its curves and random numbers.

    Args:
      source: the run that has been through it.
      run: another one, which has not begun its own.
    """
    curves, kept = source.text_phase_curves, run.text_phase_curves
    if curves.exists():
        # Left by a stop between the two copies.
        atomic_files.remove_folder(kept)
        _copy(curves, kept)
    _copy(source.text_phase.path, run.text_phase.path)


def _copy(folder: pathlib.Path, to: pathlib.Path) -> None:
    # File by file: copytree gathers what goes wrong, such as a full disk, into an error of its own.
    with atomic_files.atomic_folder(to) as copy:
        for path in sorted(folder.rglob("[!.]*")):
            if path.is_file():
                target = copy / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def _check_state(phase: Run) -> None:
    """Reads all of a training's last state, which has no checksum.

    Raises:
      WorkspaceError: it is missing or damaged.
    """
    try:
        with loop.whole_state(phase):
            state = tf.train.load_checkpoint(loop.last_state(phase) or "")
            for name in state.get_variable_to_shape_map():
                state.get_tensor(name)
    except WorkspaceError as error:
        raise WorkspaceError(f"{phase.checkpoints_dir} holds no whole state; leave --sentences_from out") from error
