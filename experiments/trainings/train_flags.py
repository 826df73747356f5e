"""The flags of cmr.train and cmr.compare as typed values, read as the commands read them, defaults included."""

import pathlib
from collections.abc import Iterable, Sequence

from absl import flags

from cmr.cli import command, datasets, distillation_flags, finetune_flags, flagfiles, training_flags
from cmr.comparators.settings import flag_groups
from cmr.comparators.settings.registry import SETTINGS
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

# The commands that leave a run; a flagfile with a --system is for the second.
TRAIN, COMPARE = "cmr.train", "cmr.compare"
_GROUPS = {TRAIN: training_flags.GROUPS, COMPARE: flag_groups.GROUPS}


def command_of(paths: Sequence[pathlib.Path]) -> str:
    """The command that flagfiles are for.

    Raises:
      ConfigError: one can't be read.
    """
    told = flagfiles.expanded([f"--flagfile={path}" for path in paths])
    return COMPARE if any(line.lstrip("-").startswith("system=") for line in told) else TRAIN


def read(paths: Sequence[pathlib.Path], further: Sequence[str]) -> flags.FlagValues:
    """Parses flags as their command does, and sets what they leave open to the data set's defaults.

    Args:
      paths: flagfiles, read in this order; of a flag that stands twice the last one counts.
      further: flags read after them, such as `--margin=0.3`.

    Raises:
      ConfigError: naming the file and the flag that the command would refuse, or a data set that nothing names.
    """
    program = command_of(paths)
    values = command.separate_flags(_GROUPS[program])
    sources = [([f"--flagfile={path}"], str(path)) for path in paths]
    sources.append((list(further), "the experiment's own flags"))
    try:
        _parse(values, [argument for arguments, _ in sources for argument in arguments])
    except (flags.Error, ValueError) as error:
        for arguments, name in sources:
            _check_alone(arguments, name, program)
        names = ", ".join(name for arguments, name in sources if arguments)
        raise ConfigError(f"{program} refuses {names} together: {error}") from error
    if not values["dataset"].present:
        raise ConfigError(f"no flag of {', '.join(map(str, paths))} names a --dataset; put it into {paths[0]}")
    if program == TRAIN:
        finetune_flags.check_start(values)
        # The loss of a second phase is that of the run that it goes on from, which need not be trained yet.
        if not values.finetune_cnn:
            distillation_flags.check_start(values)
    datasets.apply_defaults(values)
    return values


def given(flagfile: pathlib.Path) -> tuple[str, ...]:
    """The flags of cmr.train that a flagfile sets itself, by name and in their plainest spelling: `--margin=0.2`.

    Raises:
      ConfigError: naming the file and the flag that cmr.train would refuse.
    """
    arguments = [f"--flagfile={flagfile}"]
    _check_alone(arguments, str(flagfile), TRAIN)
    values = _without_joint_rules(TRAIN)
    _parse(values, arguments)
    return tuple(f"--{name}={_plain(values[name].value)}" for name in sorted(values) if values[name].present)


def counting(values: flags.FlagValues) -> dict[str, object]:
    """The values that decide a run's numbers, those left to their defaults included, by name."""
    without = WITHOUT_EFFECT | training_flags.without_effect(values)
    if "system" in values:
        without |= flag_groups.without_effect(values)
    return {name: values[name].value for name in sorted(values) if name not in without}


def told(values: flags.FlagValues) -> list[str]:
    """The flags that were given, not those left to defaults, as arguments without flagfiles."""
    return [values[name].serialize() for name in sorted(values) if values[name].present]


def for_comparator(overlay: pathlib.Path, system: str) -> tuple[str, ...]:
    """What an overlay of cmr.train's flags says to cmr.compare: those of its flags that there are too, such as CNNs.

    Products in bfloat16 are a setting of the systems that know them, and nothing to the others. Names of features are
    for those that read one vector an image: not for grids, predictions and what the captioner reads.

    Args:
      overlay: the flagfile.
      system: a key of `SETTINGS`.

    Raises:
      ConfigError: as of `given`.
    """
    values = command.separate_flags(_GROUPS[COMPARE])
    told = given(overlay)
    kind = SETTINGS[system]
    if kind.reads != "pooled" or kind().takes_captioner:
        told = tuple(flag for flag in told if not flag.startswith(("--vgg_features=", "--image_features=")))
    shared = tuple(flag for flag in told if flag.removeprefix("--").partition("=")[0] in values)
    own = f"{kind.flag_prefix}_bfloat16"
    return (*shared, f"--{own}=true") if own in values and "--precision=mixed_bfloat16" in told else shared


def _parse(values: flags.FlagValues, arguments: Iterable[str]) -> None:
    unparsed = values([TRAIN, *flagfiles.expanded(list(arguments))])[1:]
    if unparsed:
        raise flags.Error(f"{unparsed[0]!r} is not a flag; flags are written --name=value")


def _check_alone(arguments: Sequence[str], name: str, program: str) -> None:
    """Refuses what is wrong with one source of flags, whatever stands in the others."""
    try:
        _parse(_without_joint_rules(program), arguments)
    except (flags.Error, ValueError) as error:
        raise ConfigError(f"{program} refuses {name}: {error}") from error


def _without_joint_rules(program: str) -> flags.FlagValues:
    """The flags without the rules on several of them and required ones, which hold for all sources together."""
    values = command.separate_flags(_GROUPS[program])
    for name in values:
        flag = values[name]
        single = [each for each in flag.validators if len(list(each.get_flags_names())) == 1]
        flag.validators = [] if name == "system" else single
    return values


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
