"""Settings of the systems that are fitted at once."""

import dataclasses
from typing import ClassVar

from cmr.comparators.settings.declared import Settings, setting


@dataclasses.dataclass(frozen=True)
class CcaSettings(Settings):
    """Of `comparators.cca`."""

    flag_prefix: ClassVar[str] = "cca"
    title: ClassVar[str] = "CCA (Klein et al. 2015's baseline)"

    text: str = setting(
        "words",
        "What a sentence is. words: the mean of its word vectors (Klein et al.'s). ngrams: tf-idf of words and "
        "bigrams, reduced by SVD.",
        choices=("words", "ngrams"),
    )
    dims: int = setting(256, "Canonical directions that are kept; no paper names them.", lower=1)
    ridge: float = setting(
        0.3,
        "Added to the variances, in parts of each side's mean variance. Of 0.01 ... 10 the best for word vectors on "
        "Flickr8K's validation split.",
        lower=1e-6,
    )
    min_count: int = setting(3, "Training sentences that an n-gram must be in to be taken.", lower=1)
    svd_dims: int = setting(1500, "Dimensions of the n-grams behind SVD.", lower=1)

    @property
    def takes_word_vectors(self) -> bool:
        return self.text == "words"


@dataclasses.dataclass(frozen=True)
class FvSettings(Settings):
    """Of `comparators.fv`."""

    flag_prefix: ClassVar[str] = "fv"
    title: ClassVar[str] = "FV(GMM+HGLMM) (Klein et al. 2015)"
    notes: ClassVar[tuple[str, ...]] = (
        "FV: word vectors that are small and of the training sentences alone stand in for word2vec's of Google News, "
        "unless --word_vectors gives others; ICA is left out.",
    )

    mixtures: str = setting(
        "both",
        "Whose Fisher vectors: both side by side (the paper's best row), or of one.",
        choices=("both", "gmm", "hglmm"),
    )
    components: int = setting(30, "Components of each mixture (the paper's).", lower=1)
    em_iterations: int = setting(25, "Iterations of the hybrid mixture's EM.", lower=1)
    power: float = setting(0.5, "Of the power normalisation (the paper's square root).", lower=0.0, upper=1.0)
    pca_dims: int = setting(1000, "Dimensions of each mixture's Fisher vectors behind PCA.", lower=1)
    dims: int = setting(256, "Canonical directions that are kept; no paper names them.", lower=1)
    ridge: float = setting(
        0.3,
        "Added to the variances, in parts of each side's mean variance. Of 0.1, 0.3, 1 and 3 the best on Flickr8K's "
        "validation split.",
        lower=1e-6,
    )

    @property
    def takes_word_vectors(self) -> bool:
        return True


@dataclasses.dataclass(frozen=True)
class ConseSettings(Settings):
    """Of `comparators.conse`."""

    flag_prefix: ClassVar[str] = "conse"
    title: ClassVar[str] = "ConSE (Norouzi et al. 2014)"
    reads: ClassVar[str] = "predictions"

    classes: int = setting(10, "T, the most probable classes that are mixed (the paper's best).", lower=1)

    @property
    def takes_word_vectors(self) -> bool:
        return True
