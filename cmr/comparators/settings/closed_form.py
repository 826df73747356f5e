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
    dims: int = setting(256, "Canonical directions that are kept. Chosen on Flickr8K's validation split.", lower=1)
    ridge: float = setting(
        0.3,
        "Added to the variances, in parts of each side's mean variance. Chosen on Flickr8K's validation split.",
        lower=1e-6,
    )
    min_count: int = setting(3, "Training sentences that an n-gram must be in to be taken.", lower=1)
    svd_dims: int = setting(1500, "Dimensions of the n-grams behind SVD.", lower=1)

    @property
    def takes_word_vectors(self) -> bool:
        return self.text == "words"
