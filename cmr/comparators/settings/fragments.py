"""Settings of the systems that compare fragments: Deep Fragment and DVSA."""

import dataclasses
from typing import ClassVar

from cmr.comparators.settings.declared import NeuralSettings, setting


@dataclasses.dataclass(frozen=True)
class FragmentSettings(NeuralSettings):
    """What both systems have; that cells of a grid stand in for regions, the features' own description says."""

    # 16 cells and the whole picture, about as many fragments as the papers' 19 regions and the whole.
    reads: ClassVar[str] = "grid4x4"
    reads_grid: ClassVar[bool] = True

    dim: int = setting(1000, "Size of the space that fragments of both sides are mapped into.", lower=1)
    dropout: float = setting(0.5, "Dropout on the inputs of every map but the recurrent ones.", lower=0.0, upper=0.9)

    @property
    def takes_word_vectors(self) -> bool:
        return True


@dataclasses.dataclass(frozen=True)
class DeepFragmentSettings(FragmentSettings):
    """Of `comparators.deep_fragment`."""

    flag_prefix: ClassVar[str] = "deep_fragment"
    title: ClassVar[str] = "Deep Fragment (Karpathy, Joulin, Fei-Fei 2014)"
    notes: ClassVar[tuple[str, ...]] = (
        "Deep Fragment: bigrams stand in for dependency relations, Adam for SGD with momentum, dropout for a decay of "
        "the weights.",
    )

    margin: float = setting(1.0, "Margin between the scores of pairs, in units of our features' products.", lower=0.0)
    fragment_weight: float = setting(1.0, "Weight of the fragment objective beside the ranking.", lower=0.0)
    smoothing: int = setting(5, "Fragments by which a sentence counts as longer, n (the paper's).", lower=1)
    mil_epoch: int = setting(
        15, "Epochs before multiple instances are assumed, in which every cell fits every bigram.", lower=0
    )


@dataclasses.dataclass(frozen=True)
class DvsaSettings(FragmentSettings):
    """Of `comparators.dvsa`."""

    flag_prefix: ClassVar[str] = "dvsa"
    title: ClassVar[str] = "DVSA (Karpathy, Fei-Fei 2015)"
    notes: ClassVar[tuple[str, ...]] = (
        "DVSA: Adam stands in for SGD with momentum, dropout for a decay of the weights, and the gradient is clipped "
        "by its norm, not value by value.",
    )

    margin: float = setting(1.0, "Margin between the scores of pairs (the paper's).", lower=0.0)
