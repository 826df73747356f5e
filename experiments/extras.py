"""Packages that an experiment needs beyond those of the library: the extra `report`."""

from cmr import extras


def check_installed(*packages: str) -> None:
    """Refuses to begin what would end for want of a package; imports none of them.

    Raises:
      ConfigError: one is missing.
    """
    extras.check_installed("tables, plots and pages need", "report", *packages)
