"""The settings of every comparator by its name, of which its flags are made; `comparators.registry` has the systems."""

from cmr.comparators.settings.closed_form import CcaSettings
from cmr.comparators.settings.declared import Settings
from cmr.comparators.settings.language_models import MRnnSettings, NicSettings
from cmr.comparators.settings.m_cnn import MCnnSettings

SETTINGS: dict[str, type[Settings]] = {
    "cca": CcaSettings,
    "nic": NicSettings,
    "m_rnn": MRnnSettings,
    "m_cnn_wd": MCnnSettings,
    "m_cnn_phs": MCnnSettings,
    "m_cnn_phl": MCnnSettings,
    "m_cnn_st": MCnnSettings,
    "m_cnn_ens": MCnnSettings,
}
