"""Sentences as tf-idf of their words and bigrams, reduced by SVD."""

from collections.abc import Sequence

import numpy as np

from cmr import extras
from cmr.comparators.settings.closed_form import CcaSettings
from cmr.comparators.settings.dense import DccaSettings
from cmr.comparators.system import unit
from cmr.errors import ConfigError
from cmr.workspace.vocabulary import tokenize


class Ngrams:
    """tf-idf with logarithmic term frequencies, whose SVD is learnt from the training sentences.

    Args:
      captions: the training sentences.
      settings: `min_count`, sentences that an n-gram must be in, and `svd_dims`, dimensions behind SVD; fewer where
        there are fewer n-grams or sentences.
      seed: of the randomised SVD.

    Raises:
      ConfigError: fewer than two n-grams are in as many sentences.
    """

    def __init__(self, captions: Sequence[str], settings: CcaSettings | DccaSettings, seed: int):
        text, decomposition = extras.load("sklearn.feature_extraction.text"), extras.load("sklearn.decomposition")
        kinds = {"tokenizer": tokenize, "token_pattern": None, "lowercase": False}
        self._tfidf = text.TfidfVectorizer(**kinds, ngram_range=(1, 2), min_df=settings.min_count, sublinear_tf=True)
        too_few = ConfigError(
            f"of {len(captions):,} training sentences --{settings.flag_prefix}_min_count={settings.min_count} or more "
            "share no n-gram, or a single one; lower it"
        )
        try:
            sparse = self._tfidf.fit_transform(captions)
        except ValueError as error:
            # So it says that no n-gram is left.
            raise too_few from error
        if min(sparse.shape) < 2:
            raise too_few
        self._svd = decomposition.TruncatedSVD(min(settings.svd_dims, min(sparse.shape) - 1), random_state=seed)
        self._svd.fit(sparse)

    def vectors(self, captions: Sequence[str]) -> np.ndarray:
        """Unit vectors of sentences: `[len(captions), dims]` float32."""
        return unit(self._svd.transform(self._tfidf.transform(captions)))
