"""cmr.train's flags as typed values, read as the command reads them: from flagfiles, further flags and defaults."""

import pathlib
from collections.abc import Iterable, Sequence

from absl import flags

from cmr.cli import command, datasets, finetune_flags, flagfiles
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError

# What leaves a run's numbers as they are. Under any strategy a step takes the same batch with the same negatives, so
# a half-trained run may go on under another one (cmr/retrieval/step.py).
WITHOUT_EFFECT = frozenset(
    (
        "checkpoint_steps",
        "help",
        "logical_cpus",
        "max_pixels",
        "print_model",
        "run_name",
        "strategy",
        "tensorflow_logs",
        "worker_timeout",
        "workspace_dir",
    )
)

_PROGRAM = "cmr.train"


def read(flagfiles: Sequence[pathlib.Path], further: Sequence[str]) -> flags.FlagValues:
    """Parses flags as cmr.train does, and sets what they leave open to the data set's defaults.

    Args:
      flagfiles: read in this order; of a flag that stands twice the last one counts.
      further: flags read after them, such as `--margin=0.3`.

    Raises:
      ConfigError: naming the file and the flag that cmr.train would refuse, or a data set that nothing names.
    """
    values = command.separate_flags(cmr_flags.TRAIN_GROUPS)
    sources = [([f"--flagfile={path}"], str(path)) for path in flagfiles]
    sources.append((list(further), "the experiment's own flags"))
    try:
        _parse(values, [argument for arguments, _ in sources for argument in arguments])
    except (flags.Error, ValueError) as error:
        for arguments, name in sources:
            _check_alone(arguments, name)
        names = ", ".join(name for arguments, name in sources if arguments)
        raise ConfigError(f"{_PROGRAM} refuses {names} together: {error}") from error
    if not values["dataset"].present:
        raise ConfigError(f"no flag of {', '.join(map(str, flagfiles))} names a --dataset; put it into {flagfiles[0]}")
    datasets.apply_defaults(values)
    return values


def given(flagfile: pathlib.Path) -> tuple[str, ...]:
    """The flags that a flagfile sets itself, by name and in their plainest spelling, such as `--margin=0.2`.

    Raises:
      ConfigError: naming the file and the flag that cmr.train would refuse.
    """
    arguments = [f"--flagfile={flagfile}"]
    _check_alone(arguments, str(flagfile))
    values = _without_joint_rules()
    _parse(values, arguments)
    return tuple(f"--{name}={_plain(values[name].value)}" for name in sorted(values) if values[name].present)


def counting(values: flags.FlagValues) -> dict[str, object]:
    """The values that decide a run's numbers, those left to their defaults included, by name."""
    without_effect = WITHOUT_EFFECT | finetune_flags.without_effect(values)
    return {name: values[name].value for name in sorted(values) if name not in without_effect}


def _parse(values: flags.FlagValues, arguments: Iterable[str]) -> None:
    unparsed = values([_PROGRAM, *flagfiles.expanded(list(arguments))])[1:]
    if unparsed:
        raise flags.Error(f"{unparsed[0]!r} is not a flag; flags are written --name=value")


def _check_alone(arguments: Sequence[str], name: str) -> None:
    """Refuses what is wrong with one source of flags, whatever stands in the others."""
    try:
        _parse(_without_joint_rules(), arguments)
    except (flags.Error, ValueError) as error:
        raise ConfigError(f"{_PROGRAM} refuses {name}: {error}") from error


def _without_joint_rules() -> flags.FlagValues:
    """The flags without the rules on several of them, which hold for all sources together."""
    values = command.separate_flags(cmr_flags.TRAIN_GROUPS)
    for name in values:
        flag = values[name]
        flag.validators = [each for each in flag.validators if len(list(each.get_flags_names())) == 1]
    return values


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
