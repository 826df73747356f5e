"""Every comparator by its name; `settings.registry` has their settings."""

from cmr.comparators.cca import Cca
from cmr.comparators.system import System

SYSTEMS: dict[str, type[System]] = {
    "cca": Cca,
}
