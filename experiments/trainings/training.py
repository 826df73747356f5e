"""One training of an experiment: flagfiles, further flags and a seed, and the run that they amount to."""

import dataclasses
import functools
import hashlib
import pathlib
import re
from collections.abc import Sequence

from absl import flags

from cmr.errors import ConfigError
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run

FLAGFILES = pathlib.Path(__file__).parents[1] / "flagfiles"

# A flag of one of these does not change the numbers of a run.
_WITHOUT_EFFECT = ("run_name", "workspace_dir", "checkpoint_steps", "tensorflow_logs")


def find_flagfile(name: str) -> pathlib.Path:
    """A flagfile by its path, or by its path below experiments/flagfiles/.

    Raises:
      ConfigError: there is none.
    """
    for path in (pathlib.Path(name).expanduser(), FLAGFILES / name, FLAGFILES / f"{name}.flags"):
        if path.is_file():
            return path
    raise ConfigError(f"{name} is no flagfile, neither here nor in {FLAGFILES}; name a file of cmr.train's flags")


@dataclasses.dataclass(frozen=True)
class Training:
    """What `cmr.train` is told. Of a flag that stands twice the last one counts.

    Attributes:
      name: what the experiment calls it, a plain name; the run's begins with it.
      flagfiles: files of cmr.train's flags.
      flags: further ones, such as `--margin=0.3`.
      seed: of the run.
    """

    name: str
    flagfiles: tuple[pathlib.Path, ...]
    flags: tuple[str, ...] = ()
    seed: int = 0

    def settings(self) -> dict[str, str]:
        """All flags given, by name.

        Raises:
          ConfigError: a flagfile is missing, or a line of it is not `--name=value`.
        """
        return {**self._given, "seed": str(self.seed)}

    @functools.cached_property
    def _given(self) -> dict[str, str]:
        # Read once: the run keeps its name, whatever happens to the flagfiles while others are trained.
        given = {}
        for path in self.flagfiles:
            for line in _lines(path):
                given.update([_setting(line, path)])
        given.update(_setting(flag, "the experiment") for flag in self.flags)
        return given

    def effective_settings(self) -> dict[str, str]:
        """Those that can change the numbers of the run."""
        return {name: value for name, value in self.settings().items() if name not in _WITHOUT_EFFECT}

    @property
    def dataset(self) -> str:
        """The data set's name.

        Raises:
          ConfigError: no flagfile says it.
        """
        settings = self.settings()
        if "dataset" not in settings:
            raise ConfigError(f"the flags of {self.name} name no --dataset; put it into {self.flagfiles[0]}")
        return settings["dataset"]

    @property
    def run_name(self) -> str:
        """Folder under runs/: the name, the seed and eight hexadecimal digits that change with any flag's value."""
        settings = sorted(self.effective_settings().items())
        digest = hashlib.sha256(repr(settings).encode("utf-8")).hexdigest()
        return f"{self.name}-seed{self.seed}-{digest[:8]}"

    def workspace(self, workspace_dir: pathlib.Path) -> Workspace:
        """The data set's place in the folder of `--workspace_dir`."""
        return Workspace(workspace_dir, self.dataset)

    def run(self, workspace_dir: pathlib.Path) -> Run:
        """The run's folder in a workspace; it need not exist."""
        return Run(self.workspace(workspace_dir).run_dir(self.run_name))

    def arguments(self, workspace_dir: pathlib.Path) -> list[str]:
        """cmr.train's arguments."""
        return [
            *(f"--flagfile={path}" for path in self.flagfiles),
            *self.flags,
            f"--seed={self.seed}",
            f"--workspace_dir={workspace_dir}",
            f"--run_name={self.run_name}",
        ]


def with_seeds(training: Training, seeds: int) -> list[Training]:
    """The same training once for each seed from 0 on."""
    return [dataclasses.replace(training, seed=seed) for seed in range(seeds)]


def _lines(path: pathlib.Path) -> Sequence[str]:
    """The flags of a flagfile; absl leaves out comments and reads nested files."""
    try:
        return flags.FlagValues().read_flags_from_files([f"--flagfile={path}"], force_gnu=False)
    except flags.Error as error:
        raise ConfigError(f"{path} can't be read as a flagfile: {error}") from error


def _setting(line: str, where: pathlib.Path | str) -> tuple[str, str]:
    match = re.fullmatch(r"--(\w+)=(.*)", line)
    if not match:
        raise ConfigError(f"{line!r} in {where} is not --name=value; write every flag so, --name=true for a yes")
    return match[1], match[2]
