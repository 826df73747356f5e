"""Every comparator by its name; `settings.registry` has their settings."""

from cmr.comparators.cca import Cca
from cmr.comparators.conse import Conse
from cmr.comparators.dcca import Dcca
from cmr.comparators.deep_fragment import DeepFragment
from cmr.comparators.devise import Devise
from cmr.comparators.dvsa import Dvsa
from cmr.comparators.fv import Fv
from cmr.comparators.m_cnn import MCnn, MCnnEnsemble
from cmr.comparators.m_rnn import MRnn
from cmr.comparators.nic import Nic
from cmr.comparators.system import System
from cmr.comparators.w2vv import W2vv

SYSTEMS: dict[str, type[System]] = {
    "devise": Devise,
    "conse": Conse,
    "cca": Cca,
    "fv": Fv,
    "dcca": Dcca,
    "w2vv": W2vv,
    "deep_fragment": DeepFragment,
    "dvsa": Dvsa,
    "nic": Nic,
    "m_rnn": MRnn,
    "m_cnn_wd": MCnn,
    "m_cnn_phs": MCnn,
    "m_cnn_phl": MCnn,
    "m_cnn_st": MCnn,
    "m_cnn_ens": MCnnEnsemble,
}
