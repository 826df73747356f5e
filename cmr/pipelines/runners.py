"""Which engine of Apache Beam runs a pipeline; nothing here imports Beam."""

import dataclasses
import shlex

from cmr import extras
from cmr.errors import ConfigError

DIRECT = "DirectRunner"
# Those that were tried, or whose engines run the same portable pipeline.
RUNNERS = (DIRECT, "FlinkRunner", "DataflowRunner", "PortableRunner")


@dataclasses.dataclass(frozen=True)
class Runner:
    """An engine, and Beam's own options for it.

    Attributes:
      name: of `RUNNERS`.
      options: as Beam's command line takes them, such as `--flink_master=localhost:8081`.
    """

    name: str
    options: tuple[str, ...] = ()


def chosen(name: str, options: str) -> Runner | None:
    """What `--runner` and `--runner_options` ask for.

    Args:
      name: an engine as Beam names it, capitals and the word Runner left to the user; "" for none.
      options: Beam's own options, apart by spaces, quoted as in a shell.

    Returns:
      None where no pipeline is asked for.

    Raises:
      ConfigError: the engine is none of `RUNNERS`, Beam is not installed, or there are options without an engine.
    """
    if not name:
        if options:
            raise ConfigError("--runner_options are of a pipeline; give --runner with them")
        return None
    known = {_plain(each): each for each in RUNNERS}
    if _plain(name) == "dask":
        raise ConfigError(
            f"--runner={name} gives an empty result without an error, so it is not used; choose {_listed()}"
        )
    if _plain(name) not in known:
        raise ConfigError(f"--runner={name} is not known here; choose {_listed()}")
    try:
        given = tuple(shlex.split(options))
    except ValueError as error:
        raise ConfigError(f"--runner_options={options} can't be read ({error}); close the quotes") from error
    extras.check_installed("--runner needs", "beam", "apache_beam")
    return Runner(known[_plain(name)], given)


def _plain(name: str) -> str:
    return name.lower().removesuffix("runner")


def _listed() -> str:
    *others, last = RUNNERS
    return f"{', '.join(others)} or {last}"
