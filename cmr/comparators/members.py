"""Finished runs whose scores another system adds up."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Sequence

from cmr import shell
from cmr.config import ComparatorRunConfig
from cmr.data.examples import Examples
from cmr.data.inputs import Inputs
from cmr.errors import ConfigError, WorkspaceError
from cmr.evaluation import similarities
from cmr.evaluation.similarities import PairScores
from cmr.workspace import runs
from cmr.workspace.runs import Run


@dataclasses.dataclass(frozen=True)
class Members:
    """Runs of the same inputs.

    Attributes:
      runs: finished ones.
      inputs: what they read.
    """

    runs: Sequence[Run]
    inputs: Inputs

    def similarities(self, split: Examples, folds: int) -> list[PairScores]:
        """What each run said of `val` or `test`, cut as the runs were measured.

        Raises:
          WorkspaceError: a run's file of them is missing or damaged.
        """
        (name,) = (name for name in ("val", "test") if self.inputs.split(name).image_ids == split.image_ids)
        return [similarities.read(run.similarities_npz(name), split, folds) for run in self.runs]


def find_members(runs_dir: pathlib.Path, run_configs: Sequence[ComparatorRunConfig], inputs: Inputs) -> Members:
    """Finds the finished run of each configuration that has kept its scores, whatever its name.

    Args:
      runs_dir: where runs lie.
      run_configs: one a member.
      inputs: what they read.

    Raises:
      ConfigError: there is no such run, with the command that trains it.
    """
    finished: dict[str, Run] = {}
    without_scores: dict[str, Run] = {}
    for path in sorted(runs_dir.glob("*")):
        run = Run(path)
        # A damaged run of something else is none of this system's business.
        with contextlib.suppress(WorkspaceError):
            if run.is_finished and isinstance(config := run.read_measured_config(), ComparatorRunConfig):
                checksums = inputs.recognised(runs.fingerprints_of(config, run.read_metrics()))
                found = finished if run.has_answers else without_scores
                found[_key(dataclasses.replace(config, checksums=checksums))] = run
    for config in run_configs:
        if _key(config) not in finished:
            archived = without_scores.get(_key(config))
            of_archive = f" that kept its scores ({archived.path} did not: move it away)" if archived else ""
            command = shell.python_command("cmr.compare", f"--system={config.system}")
            raise ConfigError(
                f"{runs_dir} has no finished run of {config.system} with these settings, features and seed{of_archive}"
                f"; train it with the same flags first ({command} ...)"
            )
    return Members([finished[_key(config)] for config in run_configs], inputs)


def _key(config: ComparatorRunConfig) -> str:
    """All that decides the numbers; how often the state is saved does not."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, checkpoint_steps=0)).to_json()
