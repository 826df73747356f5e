"""Packages of an extra, imported where they are needed."""

import importlib
import types

from cmr.errors import ConfigError


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
