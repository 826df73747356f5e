"""One experiment at a time trains in a data set's folder of the workspace."""

import contextlib
import fcntl
from collections.abc import Iterator

from cmr.errors import WorkspaceError
from cmr.workspace.paths import Workspace


@contextlib.contextmanager
def only_experiment(workspace: Workspace) -> Iterator[None]:
    """Keeps other experiments of the same data set and workspace out, until the block or the process ends.

    Raises:
      WorkspaceError: another one is at work there.
    """
    path = workspace.experiments_dir / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkspaceError(
                f"another experiment is at work in {workspace.dataset_dir}; wait until it ends, or give another "
                "--workspace_dir"
            ) from error
        yield
