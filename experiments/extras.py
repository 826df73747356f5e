"""Packages that an experiment needs beyond those of the library: the extra `report`."""

import importlib.util

from cmr.errors import ConfigError


def check_installed(*packages: str) -> None:
    """Refuses to begin what would end for want of a package; imports none of them.

    Raises:
      ConfigError: one is missing.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f"tables, plots and pages need the package {package}; run: pip install 'cmr[report]'")
