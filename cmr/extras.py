"""Packages of an extra: asked for before long work, or imported where they are needed."""

import importlib
import importlib.util
import types

from cmr.errors import ConfigError


def is_installed(module: str) -> bool:
    """Whether a package is there, by its name as it is imported; imports nothing."""
    return importlib.util.find_spec(module) is not None


def check_installed(what_needs: str, extra: str, *modules: str) -> None:
    """Refuses to begin what would end for want of a package; imports none of them.

    Args:
      what_needs: begins the sentence, such as `--ann needs`.
      extra: of setup.py, that installs the packages.
      modules: their names as they are imported.

    Raises:
      ConfigError: one is not installed.
    """
    for module in modules:
        if not is_installed(module):
            package = module.replace("_", "-")
            raise ConfigError(f"{what_needs} the package {package}; run: pip install 'cmr[{extra}]'")


def load(module: str, extra: str = "comparators") -> types.ModuleType:
    """Imports a module of a package that not every user has installed, such as scikit-learn's or gensim's.

    Args:
      module: its dotted name.
      extra: of setup.py, that installs its package.

    Raises:
      ConfigError: its package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the package {error.name.partition('.')[0]} is missing; run: pip install 'cmr[{extra}]'"
        ) from error
