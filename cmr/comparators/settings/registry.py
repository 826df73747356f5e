"""The settings of every comparator by its name, of which its flags are made; `comparators.registry` has the systems."""

from cmr.comparators.settings.closed_form import CcaSettings
from cmr.comparators.settings.declared import Settings

SETTINGS: dict[str, type[Settings]] = {
    "cca": CcaSettings,
}
