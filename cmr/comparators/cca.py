"""CCA of the CNN's features with a sentence's mean word vector, or with its n-grams."""

import numpy as np

from cmr.comparators import canonical
from cmr.comparators.ngrams import Ngrams
from cmr.comparators.settings.closed_form import CcaSettings
from cmr.comparators.system import EmbeddingSystem, side_by_side
from cmr.data.examples import Examples
from cmr.evaluation.encoding import Embeddings


class Cca(EmbeddingSystem):
    """Canonical correlations of images and sentences (`canonical.fit`).

    Reference: Klein, Lev, Sadeh, Wolf, "Associating neural word embeddings with deep image representations using Fisher
    vectors", 2015, whose baseline is the mean vector.
    """

    settings: CcaSettings

    def fit(self, train: Examples, val: Examples) -> None:
        if self.settings.text == "ngrams":
            self._ngrams = Ngrams(train.captions, self.settings, self.given.seed)
        images, texts = side_by_side(train), self._texts(train)
        self._maps = canonical.fit(images, texts, train.image_of_caption, self.settings.dims, self.settings.ridge)

    def embed(self, split: Examples) -> Embeddings:
        return Embeddings(
            self._maps.embed_images(side_by_side(split)),
            self._maps.embed_texts(self._texts(split)),
        )

    def _texts(self, split: Examples) -> np.ndarray:
        if self.settings.text == "ngrams":
            return self._ngrams.vectors(split.captions)
        return self.given.word_vectors.sentence_means(split)
