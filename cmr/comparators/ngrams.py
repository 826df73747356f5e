"""Sentences as tf-idf of their words and bigrams, reduced by SVD."""

from collections.abc import Sequence

import numpy as np

from cmr import extras
from cmr.comparators.system import unit
from cmr.errors import ConfigError
from cmr.workspace.vocabulary import tokenize


class Ngrams:
    """tf-idf with logarithmic term frequencies, whose SVD is learnt from the training sentences.

    Args:
      captions: the training sentences.
      min_count: sentences that an n-gram must be in.
      dims: dimensions behind SVD; fewer where there are fewer n-grams or sentences.
      seed: of the randomised SVD.
      flag: that says `min_count`, for messages.

    Raises:
      ConfigError: fewer than two n-grams are in as many sentences.
    """

    def __init__(self, captions: Sequence[str], min_count: int, dims: int, seed: int, flag: str):
        text, decomposition = extras.load("sklearn.feature_extraction.text"), extras.load("sklearn.decomposition")
        kinds = {"tokenizer": tokenize, "token_pattern": None, "lowercase": False}
        counts = text.CountVectorizer(**kinds, ngram_range=(1, 2), binary=True).fit_transform(captions).sum(axis=0)
        if np.count_nonzero(counts >= min_count) < 2:
            raise ConfigError(
                f"of {len(captions):,} training sentences --{flag}={min_count} or more share no n-gram, or a "
                "single one; lower it"
            )
        self._tfidf = text.TfidfVectorizer(**kinds, ngram_range=(1, 2), min_df=min_count, sublinear_tf=True)
        sparse = self._tfidf.fit_transform(captions)
        self._svd = decomposition.TruncatedSVD(min(dims, min(sparse.shape) - 1), random_state=seed)
        self._svd.fit(sparse)

    def vectors(self, captions: Sequence[str]) -> np.ndarray:
        """Unit vectors of sentences: `[len(captions), dims]` float32."""
        return unit(self._svd.transform(self._tfidf.transform(captions)))
