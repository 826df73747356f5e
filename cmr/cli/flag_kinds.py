"""The kinds of flags beside absl's own: paths, finite numbers, seeds and sizes, each with the rule of its kind."""

import math
import os
from collections.abc import Sequence

from absl import flags

from cmr.cli import datasets

# A flag belongs to the module that asks for it, not to this one.
flags.disclaim_key_flags()

# NumPy's, and so Keras's, greatest seed.
MAX_SEED = 2**32 - 1
# The greatest number of int32, in which TensorFlow keeps many a shape.
MAX_SIZE = 2**31 - 1


class PathParser(flags.ArgumentParser):
    """A path, or a word that can stand for one; a leading ~ is the user's folder, which no shell expands behind =."""

    syntactic_help = "a path"

    def parse(self, argument: str) -> str:
        return _expanded(super().parse(argument))


def _expanded(path: str) -> str:
    # pathlib would rewrite what is not its own (a URL's //, a folder's last /), and raises for an unknown user.
    return os.path.expanduser(path)  # noqa: PTH111


class PathListParser(flags.ListParser):
    """Paths, with commas between them, and maybe one behind the last."""

    def parse(self, argument: str | list[str]) -> list[str]:
        return [_expanded(path) for path in super().parse(argument) if path]


class FiniteParser(flags.FloatParser):
    """A number that is neither nan, which is in every range, nor infinite."""

    def convert(self, argument: int | float | str) -> float:
        number = super().convert(argument)
        if not math.isfinite(number):
            raise ValueError(f"{argument} is not a finite number")
        return number


class SizeParser(flags.IntegerParser):
    """A whole number that memory grows with."""


def define_path(name: str, default: str | None, help_text: str) -> None:
    """Defines a flag that takes a path, a pattern of paths, or a path or a word."""
    flags.DEFINE(PathParser(), name, default, help_text, serializer=flags.ArgumentSerializer())


def define_paths(name: str, default: Sequence[str] | None, help_text: str) -> None:
    """Defines a flag that takes paths, or words, with commas between them."""
    given = None if default is None else list(default)
    flags.DEFINE(PathListParser(), name, given, help_text, serializer=flags.CsvListSerializer(","))


def define_repeated_path(name: str, help_text: str) -> None:
    """Defines a flag that takes one path each time it is given."""
    flags.DEFINE_multi(PathParser(), flags.ArgumentSerializer(), name, [], help_text)


def define_other_datasets(name: str, help_text: str) -> None:
    """Defines a flag that names data sets of the workspace beside `--dataset`, with commas between them."""
    flags.DEFINE_list(name, [], help_text)
    flags.register_validator(
        name,
        lambda names: len(set(names)) == len(names) and all(map(datasets.is_dataset, names)),
        message=f"name each data set once: {', '.join(datasets.NAMES)} or {datasets.TFDS}NAME",
    )
    flags.register_multi_flags_validator(
        (name, "dataset"),
        lambda given: given["dataset"] not in given[name],
        f"that of --dataset is read anyway; leave it out of --{name}",
    )


def define_float(
    name: str,
    default: float | None,
    help_text: str,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
) -> None:
    """Defines a flag that takes a finite number in a range whose ends belong to it."""
    parser = FiniteParser(lower_bound, upper_bound)
    flags.DEFINE(parser, name, default, help_text, serializer=flags.ArgumentSerializer())


def define_seed(name: str, default: int, help_text: str) -> None:
    """Defines a flag that takes a seed of random numbers."""
    flags.DEFINE_integer(name, default, help_text, lower_bound=0, upper_bound=MAX_SEED)


def define_count(name: str, default: int | None, help_text: str, lower_bound: int) -> None:
    """Defines a flag that counts something."""
    flags.DEFINE_integer(name, default, help_text, lower_bound=lower_bound, upper_bound=MAX_SIZE)


def define_size(name: str, default: int | None, help_text: str, lower_bound: int) -> None:
    """Defines a flag that memory grows with: where there is too little, the command names it."""
    flags.DEFINE(SizeParser(lower_bound, MAX_SIZE), name, default, help_text, serializer=flags.ArgumentSerializer())
