"""FV(GMM+HGLMM): Fisher vectors of a sentence's word vectors, and CCA with the CNN's features."""

import numpy as np

from cmr import extras, progress
from cmr.comparators import canonical, mixtures
from cmr.comparators.mixtures import Mixture
from cmr.comparators.settings.closed_form import FvSettings
from cmr.comparators.system import EmbeddingSystem, side_by_side, unit
from cmr.data.examples import Examples
from cmr.evaluation.encoding import Embeddings

# Sentences at once: of 12,000 values each with both mixtures on 100-d vectors, 50 MB.
_ROWS_AT_ONCE = 1024
# Sentences that PCA's directions are found on.
_PCA_SENTENCES = 10_000


class Fv(EmbeddingSystem):
    """A sentence is the Fisher vector of its words, power- and L2-normalised, behind PCA; the pairs are CCA's.

    Reference: Klein, Lev, Sadeh, Wolf, "Associating neural word embeddings with deep image representations using Fisher
    vectors", 2015.
    """

    settings: FvSettings

    def fit(self, train: Examples, val: Examples) -> None:
        words = self._words(train)
        points = self.given.word_vectors.vectors[words].astype(np.float64)
        seed, components = self.given.seed, min(self.settings.components, len(points))
        gaussian = mixtures.fit_gaussian(points, components, seed)
        self._parts = []
        if self.settings.mixtures != "hglmm":
            self._parts.append(_Part(gaussian, points, words, self.settings, seed))
        if self.settings.mixtures != "gmm":
            hybrid, _ = mixtures.fit_hybrid(points, gaussian, self.settings.em_iterations)
            self._parts.append(_Part(hybrid, points, words, self.settings, seed))
        texts = np.concatenate([part.fit(train) for part in self._parts], axis=1)
        settings = self.settings
        self._maps = canonical.fit(side_by_side(train), texts, train.image_of_caption, settings.dims, settings.ridge)

    def embed(self, split: Examples) -> Embeddings:
        texts = np.concatenate([part.vectors(split) for part in self._parts], axis=1)
        return Embeddings(self._maps.embed_images(side_by_side(split)), self._maps.embed_texts(texts))

    def _words(self, train: Examples) -> np.ndarray:
        """The known words of the training sentences, each once."""
        stands_there = np.bincount(train.tokens, minlength=len(self.given.vocabulary)) > 0
        return np.flatnonzero(self.given.word_vectors.is_known & stands_there)


class _Part:
    """The Fisher vectors of one mixture, behind PCA."""

    def __init__(self, mixture: Mixture, points: np.ndarray, words: np.ndarray, settings: FvSettings, seed: int):
        # A sentence's is the mean of its words', which are few and computed once.
        blocks = [mixture.fisher_vectors(points[start : start + 256]) for start in range(0, len(points), 256)]
        self._of_words = np.concatenate(blocks)
        self._row_of = np.full(int(words.max()) + 1, -1)
        self._row_of[words] = np.arange(len(words))
        self._settings = settings
        self._seed = seed

    def fit(self, train: Examples) -> np.ndarray:
        """Finds PCA's directions; returns the training sentences' vectors `[num_captions, pca_dims]` float32."""
        decomposition = extras.load("sklearn.decomposition")
        random = np.random.default_rng(self._seed)
        chosen = random.permutation(train.num_captions)[:_PCA_SENTENCES]
        sample = self._fisher_vectors(train, np.sort(chosen))
        dims = min(self._settings.pca_dims, *sample.shape)
        self._pca = decomposition.PCA(dims, svd_solver="randomized", iterated_power=3, random_state=self._seed)
        self._pca.fit(sample)
        return self.vectors(train)

    def vectors(self, split: Examples) -> np.ndarray:
        """`[num_captions, pca_dims]` float32."""
        blocks = []
        with progress.progress_bar(split.num_captions, "sentence", "Fisher vectors") as bar:
            for start in range(0, split.num_captions, _ROWS_AT_ONCE):
                rows = np.arange(start, min(start + _ROWS_AT_ONCE, split.num_captions))
                blocks.append(self._pca.transform(self._fisher_vectors(split, rows)).astype(np.float32))
                bar.update(len(rows))
        return np.concatenate(blocks)

    def _fisher_vectors(self, split: Examples, captions: np.ndarray) -> np.ndarray:
        """`[len(captions), 2 K dim]` float32: the mean over the words, then `sign(z) |z|^power`, then norm 1."""
        sparse = extras.load("scipy.sparse")
        words = split.padded(captions)
        rows = np.where(words < len(self._row_of), self._row_of[np.minimum(words, len(self._row_of) - 1)], -1)
        sentence, place = np.nonzero(rows >= 0)
        shape = len(captions), len(self._of_words)
        counts = sparse.csr_matrix((np.ones(len(sentence), np.float32), (sentence, rows[sentence, place])), shape)
        words_of = np.bincount(sentence, minlength=len(captions))[:, None]
        means = (counts @ self._of_words) / np.maximum(words_of, 1).astype(np.float32)
        return unit(np.sign(means) * np.abs(means) ** self._settings.power)
