"""ConSE: the words of the CNN's most probable classes, mixed by their probabilities."""

import pathlib
from collections.abc import Sequence

import numpy as np

from cmr.comparators.settings.closed_form import ConseSettings
from cmr.comparators.system import EmbeddingSystem, unit
from cmr.data.examples import Examples
from cmr.data.word_vectors import WordVectors
from cmr.errors import ConfigError
from cmr.evaluation.encoding import Embeddings
from cmr.workspace.vocabulary import Vocabulary, tokenize


class Conse(EmbeddingSystem):
    """`f(x) = 1/Z sum over the T most probable classes of p(y|x) s(y)`; nothing is trained.

    Reference: Norouzi, Mikolov, Bengio, Singer, Shlens, Frome, Corrado, Dean, "Zero-shot learning by convex combination
    of semantic embeddings", 2014.
    """

    settings: ConseSettings

    def fit(self, train: Examples, val: Examples) -> None:
        self._classes, self._is_known = class_vectors(class_names(), self.given.vocabulary, self.given.word_vectors)
        if not self._is_known.any():
            raise ConfigError("the word vectors hold no word of any class of ImageNet; give others by --word_vectors")

    def embed(self, split: Examples) -> Embeddings:
        return Embeddings(self._images(split), unit(self.given.word_vectors.sentence_means(split)))

    @property
    def notes(self) -> Sequence[str]:
        named = int(self._is_known.sum())
        return [f"Of the {len(self._is_known):,} classes {named:,} have a word with a vector; the others are left out."]

    def _images(self, split: Examples) -> np.ndarray:
        (probabilities,) = split.image_inputs(np.arange(split.num_images)).values()
        if probabilities.shape[1] != len(self._classes):
            raise ConfigError(
                f"the image features have {probabilities.shape[1]} values and ImageNet {len(self._classes):,} classes; "
                "ConSE reads class probabilities, of data_prep.extract with the layer predictions"
            )
        known = np.where(self._is_known, probabilities, 0.0)
        least = np.sort(known, axis=1)[:, -self.settings.classes, None] if self.settings.classes < known.shape[1] else 0
        kept = np.where(known >= least, known, 0.0)
        return unit(kept @ self._classes)


def class_names() -> list[list[str]]:
    """ImageNet's 1,000 classes in the order of the CNNs' outputs, each by its WordNet synonyms."""
    text = pathlib.Path(__file__).with_name("imagenet_classes.txt").read_text(encoding="utf-8")
    return [line.split(", ") for line in text.splitlines()]


def class_vectors(
    names: Sequence[Sequence[str]], vocabulary: Vocabulary, word_vectors: WordVectors
) -> tuple[np.ndarray, np.ndarray]:
    """s(y) of each class: the mean over its synonyms, each the mean of its words, of those whose words are all known.

    Where no synonym is known whole, the mean of all words that are known: "Rhodesian ridgeback" need not be lost.

    Args:
      names: of each class its synonyms.
      vocabulary: of the word vectors' rows.
      word_vectors: of the words.

    Returns:
      Unit vectors `[len(names), dim]` float32, and `[len(names)]` bool, whether any word is known.
    """
    vectors = np.zeros((len(names), word_vectors.dim), np.float32)
    is_known = np.zeros(len(names), bool)
    for row, synonyms in enumerate(names):
        ids = [[vocabulary.ids.get(word) for word in tokenize(name)] for name in synonyms]
        known = [[i for i in name if i is not None and word_vectors.is_known[i]] for name in ids]
        whole = [part for part, name in zip(known, ids, strict=True) if part and len(part) == len(name)]
        means = [word_vectors.vectors[part].mean(axis=0) for part in whole or known if part]
        if means:
            vectors[row], is_known[row] = unit(np.mean(means, axis=0)[None])[0], True
    return vectors, is_known
