"""A phase that another run has been through already, taken over in the place of training it again."""

import contextlib
import shutil

from cmr.config import RunConfig
from cmr.errors import WorkspaceError
from cmr.text_pretraining import phase_settings
from cmr.training import loop
from cmr.workspace import atomic_files
from cmr.workspace.runs import Run


def take_over(run: Run, run_config: RunConfig) -> Run | None:
    """Copies the phase of a run beside this one that would come to the same weights, unless this one has begun its own.

    The copy is what training would have left: the weights, and the random numbers with which the model goes on.

    Args:
      run: the run's folder.
      run_config: its settings.

    Returns:
      The run whose phase it was; None where nothing was taken over.
    """
    if run.text_phase.path.exists():
        return None
    wanted = phase_settings.decisive(run_config)
    for path in sorted(run.path.parent.iterdir()):
        other = Run(path)
        # One that is damaged, or of another version or command, is none of this run's business.
        with contextlib.suppress(WorkspaceError):
            if _has_phase(other) and phase_settings.decisive(other.read_config()) == wanted:
                with atomic_files.atomic_folder(run.text_phase.path) as copy:
                    shutil.copytree(other.text_phase.path, copy)
                return other
    return None


def _has_phase(run: Run) -> bool:
    """Whether a run has the whole of one: it has begun to learn from images, and nothing of the phase is damaged."""
    if not run.text_phase.path.is_dir() or run.read_config().text_pretraining is None:
        return False
    if loop.last_state(run) is None or loop.last_state(run.text_phase) is None:
        return False
    run.text_phase.check_best_weights()
    return True
