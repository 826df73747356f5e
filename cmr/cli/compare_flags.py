"""The flags of cmr.compare: which system, its word vectors, and a group of flags for every system's settings."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

from cmr.cli import command, flag_kinds
from cmr.cli import flags as cmr_flags


def system_group(names: Sequence[str]) -> Callable[[], None]:
    """The group of the flag that names a system.

    Args:
      names: of all systems.
    """

    @command.flag_group("System")
    def define() -> None:
        flags.DEFINE_enum("system", None, list(names), "System of the paper's tables to train and measure.")
        flags.mark_flag_as_required("system")
        cmr_flags.define_folder_name(
            "run_name", "Folder under runs/; by default the system and a hash of its settings and inputs."
        )

    return define


@command.flag_group("Course of training")
def course_flags() -> None:
    flag_kinds.define_seed("seed", 0, "Seed of all that is random: weights, order of batches, mixtures, word vectors.")
    flag_kinds.define_count(
        "checkpoint_steps", 500, "Steps between two saved states, beside each epoch's end.", lower_bound=1
    )


@command.flag_group("Word vectors")
def word_vector_flags() -> None:
    cmr_flags.define_word_vectors("By default skip-gram vectors are trained on the training sentences.")
    flag_kinds.define_size(
        "word_vector_dim",
        300,
        "Size of the vectors trained on the training sentences (word2vec's published ones have 300).",
        lower_bound=1,
    )
    flags.DEFINE_bool(
        "allow_leak",
        False,
        "Take word vectors that learnt from sentences of the val or test split, as an ablation; every table says it.",
    )


def settings_group(kind: type) -> Callable[[], None]:
    """The group of a system's settings, a flag a field: `--<flag_prefix>_<field>`.

    Args:
      kind: a dataclass of `cmr.comparators.settings`.
    """

    @command.flag_group(kind.title)
    def define() -> None:
        for field in dataclasses.fields(kind):
            _define(f"{kind.flag_prefix}_{field.name}", field)

    return define


def settings_of(values: flags.FlagValues, kind: type) -> Any:
    """A system's settings by the flags of its group."""
    return kind(**{field.name: values[f"{kind.flag_prefix}_{field.name}"].value for field in dataclasses.fields(kind)})


def names(kind: type) -> list[str]:
    """The flags of a system's settings."""
    return [f"{kind.flag_prefix}_{field.name}" for field in dataclasses.fields(kind)]


def _define(name: str, field: dataclasses.Field) -> None:
    default, told = field.default, field.metadata
    if isinstance(default, bool):
        flags.DEFINE_bool(name, default, told["reason"])
    elif isinstance(default, int):
        flag_kinds.define_size(name, default, told["reason"], told["lower"] or 0)
    elif isinstance(default, float):
        flag_kinds.define_float(name, default, told["reason"], told["lower"], told["upper"])
    elif told["choices"]:
        flags.DEFINE_enum(name, default, told["choices"], told["reason"])
    else:
        flag_kinds.define_path(name, default, told["reason"])
