"""CIDEr-D: how alike a sentence is to what people wrote of the same image, by tf-idf of its n-grams.

The scorer of pycocoevalcap (`scores`) gives the same numbers of a whole split at once; here the document
frequencies are counted once, for the many sentences that a training draws.

Reference: Vedantam, Zitnick, Parikh, "CIDEr: Consensus-based Image Description Evaluation", 2015, Eqs. 1 to 4 and
section 5 (CIDEr-D).
"""

import collections
import dataclasses
import itertools
import math
from collections.abc import Hashable, Sequence

# Of the paper: n-grams of one to four words, and the width of the penalty on another length.
_LONGEST, _SIGMA = 4, 6.0

# The best score; what a mean of cosines is multiplied by.
BEST = 10.0

Ngram = tuple[Hashable, ...]


@dataclasses.dataclass(frozen=True)
class _Sentence:
    """Weights g(s) of a sentence's n-grams, their norms by n, and its pairs of words, as many as make its length."""

    weights: dict[Ngram, float]
    norms: tuple[float, ...]
    num_pairs: int


class Cider:
    """Scores sentences against the references of images.

    Args:
      references: `[num_images]`, of each image sentences, of each sentence its words, of any kind that is hashable. The
        n-grams' document frequencies are those among these images.
    """

    def __init__(self, references: Sequence[Sequence[Sequence[Hashable]]]):
        frequencies = collections.Counter(
            itertools.chain.from_iterable(set().union(*map(_counts, of_image)) for of_image in references)
        )
        self._never_seen = math.log(len(references)) if references else 0.0
        self._idf = {ngram: self._never_seen - math.log(count) for ngram, count in frequencies.items()}
        self._references = references

    def scores(self, image: int, sentences: Sequence[Sequence[Hashable]]) -> list[float]:
        """CIDEr-D of sentences about one image, from 0 to 10.

            10 / (4 M) sum_n sum_m exp(-(l(c) - l(s_m))^2 / (2 * 6^2)) min(g_n(c), g_n(s_m)) . g_n(s_m)
                / (||g_n(c)|| ||g_n(s_m)||)

        with g_n the tf-idf of the n-grams, l the length, c a sentence and s_1 ... s_M the image's references.

        Args:
          image: whose.
          sentences: the words of each.
        """
        # Counted when asked for: those of a large data set would fill the memory.
        references = [self._weighted(sentence) for sentence in self._references[image]]
        scale = BEST / (_LONGEST * len(references))
        said = map(self._weighted, sentences)
        return [scale * sum(_likeness(one, written) for written in references) for one in said]

    def _weighted(self, words: Sequence[Hashable]) -> _Sentence:
        counts = _counts(words)
        weights = {ngram: count * self._idf.get(ngram, self._never_seen) for ngram, count in counts.items()}
        squares, num_pairs = [0.0] * _LONGEST, 0
        for ngram, weight in weights.items():
            squares[len(ngram) - 1] += weight * weight
            num_pairs += counts[ngram] if len(ngram) == 2 else 0
        return _Sentence(weights, tuple(map(math.sqrt, squares)), num_pairs)


def _counts(words: Sequence[Hashable]) -> collections.Counter[Ngram]:
    words = tuple(words)
    return collections.Counter(
        words[start : start + length] for length in range(1, _LONGEST + 1) for start in range(len(words) - length + 1)
    )


def _likeness(said: _Sentence, written: _Sentence) -> float:
    products = [0.0] * _LONGEST
    for ngram, weight in said.weights.items():
        other = written.weights.get(ngram)
        if other is not None:
            products[len(ngram) - 1] += min(weight, other) * other
    cosines = sum(
        product / (norm * other) if norm and other else product
        for product, norm, other in zip(products, said.norms, written.norms, strict=True)
    )
    return cosines * math.exp(-((said.num_pairs - written.num_pairs) ** 2) / (2 * _SIGMA**2))
