"""Prints the test table of a finished run again, from its best weights.

python -m cmr.evaluate --run_dir=workspace/flickr8k/runs/fusion-1a2b3c4d
"""

import pathlib

from absl import flags

from cmr import command, errors
from cmr import flags as cmr_flags
from cmr import workspace as workspace_lib

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.run_flags,)


def main() -> None:
    from cmr import final_evaluation, inputs, runs

    # runs/<name> lies in the data set's folder, which lies in the workspace.
    run = runs.Run(pathlib.Path(FLAGS.run_dir).resolve())
    run_config = run.read_config()
    run.read_metrics()
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
    print(final_evaluation.evaluate_test(run, run_config, found).table)


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
