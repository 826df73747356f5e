"""What a training costs: the time of the processes that worked on it, one after the other, and the most memory of one.

Of processes that work together (tf.distribute) it is the chief's.
"""

import contextlib
import resource
import sys
import time
from collections.abc import Iterator

from cmr.workspace import json_files
from cmr.workspace.runs import COST, Run


class Cost:
    """Adds what this process does from now on to a run's cost.json.

    What is done again after a stop counts again. Of a process that is killed what it did since `keep` was last called
    is not counted.

    Args:
      run: the run's folder.

    Raises:
      WorkspaceError: cost.json is damaged.
    """

    def __init__(self, run: Run):
        self._path = run.cost_json
        self._since = time.monotonic()
        self._cost = {"seconds": 0.0, "peak_memory_mb": 0.0}
        # What a run has cost that an earlier version began is not known, and a part of it is not its cost.
        is_old = run.history_json.exists() or (run.checkpoints_dir / "checkpoint").exists()
        self._is_known = run.cost_json.exists() or not is_old
        if run.cost_json.exists():
            self._cost = _read(run)
        elif self._is_known:
            run.path.mkdir(parents=True, exist_ok=True)
            json_files.write_json(self._path, self._cost)

    def keep(self) -> None:
        """Adds the seconds since the last call, or since the beginning, to cost.json."""
        if not self._is_known:
            return
        now = time.monotonic()
        self._cost = {
            "seconds": self._cost["seconds"] + now - self._since,
            "peak_memory_mb": max(self._cost["peak_memory_mb"], _peak_memory_mb()),
        }
        self._since = now
        json_files.write_json(self._path, self._cost)


@contextlib.contextmanager
def counted(run: Run) -> Iterator[None]:
    """Adds a block to a run's cost.json, also where it is stopped."""
    cost = Cost(run)
    try:
        yield
    finally:
        cost.keep()


def total(run: Run) -> dict[str, float]:
    """What a run has cost, the phase before it included, for its metrics.json.

    Returns:
      `seconds`, and `peak_memory_mb` in 2^20 bytes; empty where it is not known.

    Raises:
      WorkspaceError: cost.json is damaged.
    """
    phases = [run, *([run.text_phase] if run.text_phase.history_json.exists() else [])]
    if not all(phase.cost_json.exists() for phase in phases):
        return {}
    parts = [_read(phase) for phase in phases]
    return {
        "seconds": sum(part["seconds"] for part in parts),
        "peak_memory_mb": max(part["peak_memory_mb"] for part in parts),
    }


def _read(run: Run) -> dict[str, float]:
    return json_files.read_workspace_json(
        run.cost_json, COST, "remove it; what the run has cost so far is then forgotten"
    )


def _peak_memory_mb() -> float:
    """The most memory that this process has held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux 1024 of them.
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)
