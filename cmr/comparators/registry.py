"""Every comparator by its name; `settings.registry` has their settings."""

from cmr.comparators.cca import Cca
from cmr.comparators.m_cnn import MCnn, MCnnEnsemble
from cmr.comparators.m_rnn import MRnn
from cmr.comparators.nic import Nic
from cmr.comparators.system import System

SYSTEMS: dict[str, type[System]] = {
    "cca": Cca,
    "nic": Nic,
    "m_rnn": MRnn,
    "m_cnn_wd": MCnn,
    "m_cnn_phs": MCnn,
    "m_cnn_phl": MCnn,
    "m_cnn_st": MCnn,
    "m_cnn_ens": MCnnEnsemble,
}
