"""A finished run, opened again: its settings, its best weights, and what it read, which has to be as it was."""

import dataclasses

import keras

from cmr import config, errors, inputs, models, runs
from cmr import workspace as workspace_lib


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run beside what it reads.

    Attributes:
      run: its folder.
      run_config: its settings.
      inputs: captions, vocabulary and features.
    """

    run: runs.Run
    run_config: config.RunConfig
    inputs: inputs.Inputs


def open_finished(run: runs.Run) -> FinishedRun:
    """Opens a run and the workspace that it stands in.

    Args:
      run: with an absolute path.

    Raises:
      WorkspaceError: there is no finished run, it was moved, or the data set is another than when it was trained.
    """
    run_config = run.read_config()
    run.read_metrics()
    # runs/<name> lies in the data set's folder, which lies in the workspace.
    workspace = workspace_lib.Workspace(run.path.parent.parent.parent, run_config.dataset)
    if workspace.run_dir(run.path.name) != run.path:
        raise errors.WorkspaceError(
            f"{run.path} is not where cmr.train writes a run, below its data set in {workspace.dataset_dir.name}/runs; "
            "move it back"
        )
    found = inputs.read_inputs(workspace, run_config.vgg_features, run_config.image_features)
    changed = [name for name, kept in run_config.checksums.items() if found.checksums.get(name) != kept]
    if changed:
        raise errors.WorkspaceError(
            f"{workspace.dataset_dir} has another {changed[0]} than when {run.path.name} was trained; "
            "prepare and extract it as it was, or train again"
        )
    if found.test_folds != run_config.test_folds:
        raise errors.WorkspaceError(
            f"{workspace.dataset_dir} is prepared for {found.test_folds} test folds and {run.path.name} was trained "
            f"for {run_config.test_folds}; prepare it as it was, or train again"
        )
    return FinishedRun(run, run_config, found)


def best_model(run: runs.Run, run_config: config.RunConfig) -> keras.Model:
    """The model with the weights of a run's best epoch.

    Raises:
      WorkspaceError: they are missing or damaged.
    """
    model = models.retrieval_model(run_config.model)
    try:
        model.load_weights(run.best_weights)
    except (OSError, ValueError, KeyError) as error:
        raise errors.WorkspaceError(
            f"{run.best_weights} is missing or damaged; remove {run.path} and train the run again"
        ) from error
    return model
