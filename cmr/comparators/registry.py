"""Every comparator by its name; `settings.registry` has their settings."""

from cmr.comparators.cca import Cca
from cmr.comparators.deep_fragment import DeepFragment
from cmr.comparators.dvsa import Dvsa
from cmr.comparators.system import System

SYSTEMS: dict[str, type[System]] = {
    "cca": Cca,
    "deep_fragment": DeepFragment,
    "dvsa": Dvsa,
}
