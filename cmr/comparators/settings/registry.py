"""The settings of every comparator by its name, of which its flags are made; `comparators.registry` has the systems."""

from cmr.comparators.settings.closed_form import CcaSettings, ConseSettings, FvSettings
from cmr.comparators.settings.declared import Settings
from cmr.comparators.settings.dense import DccaSettings, DeviseSettings, W2vvSettings
from cmr.comparators.settings.fragments import DeepFragmentSettings, DvsaSettings
from cmr.comparators.settings.language_models import MRnnSettings, NicSettings
from cmr.comparators.settings.m_cnn import MCnnSettings

SETTINGS: dict[str, type[Settings]] = {
    "devise": DeviseSettings,
    "conse": ConseSettings,
    "cca": CcaSettings,
    "fv": FvSettings,
    "dcca": DccaSettings,
    "w2vv": W2vvSettings,
    "deep_fragment": DeepFragmentSettings,
    "dvsa": DvsaSettings,
    "nic": NicSettings,
    "m_rnn": MRnnSettings,
    "m_cnn_wd": MCnnSettings,
    "m_cnn_phs": MCnnSettings,
    "m_cnn_phl": MCnnSettings,
    "m_cnn_st": MCnnSettings,
    "m_cnn_ens": MCnnSettings,
}
