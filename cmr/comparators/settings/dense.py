"""Settings of the systems of dense layers over whole images and sentences."""

import dataclasses
from typing import ClassVar

from cmr.comparators.settings.declared import NeuralSettings, setting


@dataclasses.dataclass(frozen=True)
class DeviseSettings(NeuralSettings):
    """Of `comparators.devise`."""

    flag_prefix: ClassVar[str] = "devise"
    title: ClassVar[str] = "DeViSE (Frome et al. 2013)"
    notes: ClassVar[tuple[str, ...]] = (
        "DeViSE: the CNN's last layer is not trained on, Adam stands in for Adagrad, and sentences are means of word "
        "vectors, as in the tables' own re-runs.",
    )

    margin: float = setting(0.1, "Margin of the hinge (the paper's).", lower=0.0)
    batch_size: int = setting(100, "Sentences a step; the others of a batch are the negatives.", lower=2)
    learning_rate: float = setting(1e-3, "Adam's rate; the paper names none.", lower=0.0)
    max_epochs: int = setting(30, "Epochs at most.", lower=1)

    @property
    def takes_word_vectors(self) -> bool:
        return True


@dataclasses.dataclass(frozen=True)
class DccaSettings(NeuralSettings):
    """Of `comparators.dcca`."""

    flag_prefix: ClassVar[str] = "dcca"
    title: ClassVar[str] = "DCCA (Yan and Mikolajczyk 2015)"
    notes: ClassVar[tuple[str, ...]] = (
        "DCCA: the CNN is not trained on, the n-grams' tf-idf comes behind SVD, and Adam stands in for momentum.",
    )

    layers: int = setting(1, "Hidden layers of each stack (the paper's have up to two).", lower=0)
    hidden_units: int = setting(1024, "Units of a hidden layer.", lower=1)
    dims: int = setting(256, "Outputs of each stack, whose correlations are summed.", lower=1)
    dropout: float = setting(
        0.2, "Dropout before each hidden layer; the paper's remedy against overfitting.", lower=0.0, upper=0.9
    )
    ridge: float = setting(1e-3, "Added to a batch's variances in the objective.", lower=1e-9)
    cca_ridge: float = setting(
        0.1, "Added to the variances of all outputs in the end, in parts of each side's mean variance.", lower=1e-6
    )
    min_count: int = setting(3, "Training sentences that an n-gram must be in to be taken.", lower=1)
    svd_dims: int = setting(1500, "Dimensions of the n-grams behind SVD.", lower=1)
    batch_size: int = setting(
        1500, "Pairs a step: a batch's covariances must be of many more pairs than --dcca_dims.", lower=2
    )
    learning_rate: float = setting(1e-3, "Adam's rate.", lower=0.0)
    max_epochs: int = setting(20, "Epochs at most.", lower=1)


@dataclasses.dataclass(frozen=True)
class W2vvSettings(NeuralSettings):
    """Of `comparators.w2vv`."""

    flag_prefix: ClassVar[str] = "w2vv"
    title: ClassVar[str] = "Word2VisualVec (Dong et al. 2016)"
    notes: ClassVar[tuple[str, ...]] = (
        "Word2VisualVec foretells the features of all CNNs side by side, each with norm 1; the paper those of one.",
    )

    gru_units: int = setting(1024, "Units of the GRU (the paper's).", lower=1)
    hidden_units: int = setting(2048, "Units of the hidden layer (the paper's).", lower=1)
    dropout: float = setting(0.2, "Dropout behind the hidden layer (the paper's).", lower=0.0, upper=0.9)
    min_count: int = setting(
        5, "Training sentences' occurrences that a word of the bag must have (the paper's).", lower=1
    )
    batch_size: int = setting(100, "Sentences a step (the paper's).", lower=2)
    learning_rate: float = setting(1e-4, "RMSprop's rate (the paper's).", lower=0.0)
    max_epochs: int = setting(20, "Epochs at most.", lower=1)

    @property
    def takes_word_vectors(self) -> bool:
        return True
