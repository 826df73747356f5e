"""One training of an experiment: flagfiles, further flags and a seed, and the run that they amount to."""

import dataclasses
import functools
import hashlib
import pathlib

from absl.flags import FlagValues

from cmr.cli import datasets
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.trainings import train_flags


@dataclasses.dataclass(frozen=True)
class Training:
    """What `cmr.train` or `cmr.compare` is told. Of a flag that stands twice the last one counts.

    Attributes:
      name: what the experiment calls it, a plain name; the run's begins with it.
      flagfiles: files of its flags; they say which of the two it is.
      flags: further ones, such as `--margin=0.3`.
      seed: of the run.
    """

    name: str
    flagfiles: tuple[pathlib.Path, ...]
    flags: tuple[str, ...] = ()
    seed: int = 0

    @functools.cached_property
    def values(self) -> FlagValues:
        """Every flag's value as the command has it, the data set's defaults included; to be read alone.

        Raises:
          ConfigError: the command would refuse a flag, or none names the data set.
        """
        # Read once: the run keeps its name, whatever happens to the flagfiles while others are trained.
        return train_flags.read(self.flagfiles, (*self.flags, f"--seed={self.seed}"))

    @functools.cached_property
    def command(self) -> str:
        """The module that trains it: `train_flags.TRAIN` or `COMPARE`."""
        return train_flags.command_of(self.flagfiles)

    @property
    def follows_others(self) -> bool:
        """Whether it adds up what the trainings before it came to."""
        return "system" in self.values and self.values.system == "m_cnn_ens"

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return self.values.dataset

    @property
    def run_name(self) -> str:
        """Folder under runs/: the name, the seed and eight digits, a hash of all values that count."""
        counting = sorted(train_flags.counting(self.values).items())
        digest = hashlib.sha256(repr(counting).encode("utf-8")).hexdigest()
        return f"{self.name}-seed{self.seed}-{digest[:8]}"

    def workspace(self, workspace_dir: pathlib.Path) -> Workspace:
        """The data set's place in the folder of `--workspace_dir`."""
        return Workspace(workspace_dir, self.dataset)

    def run(self, workspace_dir: pathlib.Path) -> Run:
        """The run's folder in a workspace; it need not exist."""
        return Run(self.workspace(workspace_dir).run_dir(self.run_name))

    def arguments(self, workspace_dir: pathlib.Path) -> list[str]:
        """The command's arguments, for a reader."""
        return [*(f"--flagfile={path}" for path in self.flagfiles), *self.flags, *self._of_run(workspace_dir)]

    def planned_arguments(self, workspace_dir: pathlib.Path) -> list[str]:
        """The same as `values` has them: a flagfile may have been edited since the run was named after its content."""
        return [*train_flags.told(self.values), *self._of_run(workspace_dir)]

    def _of_run(self, workspace_dir: pathlib.Path) -> list[str]:
        place = f"--workspace_dir={workspace_dir}", f"--run_name={self.run_name}"
        return [*self._own_sizes(), f"--seed={self.seed}", *place]

    def _own_sizes(self) -> list[str]:
        # cmr.train would take those of own data by its images; they are said, so that the run is what its name hashes.
        if self.dataset.partition(":")[0] not in datasets.OF_ANY_SIZE:
            return []
        return [f"--{name}={self.values[name].value}" for name in datasets.OF_FEW_IMAGES if name in self.values]


def with_seeds(training: Training, seeds: int) -> list[Training]:
    """The same training once for each seed from 0 on."""
    return [dataclasses.replace(training, seed=seed) for seed in range(seeds)]
