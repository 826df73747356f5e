"""How often each split says each word, of which the vocabulary and the share of unknown words are made."""

import dataclasses
from collections.abc import Mapping

import pandas as pd

from cmr.workspace import vocabulary
from cmr.workspace.paths import SPLITS
from cmr.workspace.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class WordCounts:
    """Words of the three splits; what captioners alone learn from is not counted.

    Attributes:
      words: split -> word -> how often it is said.
      sentences: split -> number of sentences.
    """

    words: Mapping[str, Mapping[str, int]]
    sentences: Mapping[str, int]

    def unknown_share(self, split: str, known: Vocabulary) -> float:
        """Share of a split's words, each as often as it is said, that are `<unk>` to a vocabulary."""
        counts = self.words[split]
        return sum(count for word, count in counts.items() if word not in known.ids) / sum(counts.values())


def count(captions: pd.DataFrame) -> WordCounts:
    """Counts the words of a data set in this process.

    Args:
      captions: columns `captions.COLUMNS`.
    """
    of_split = {split: captions["caption"][captions["split"] == split] for split in SPLITS}
    return WordCounts(
        {split: vocabulary.count_words(sentences) for split, sentences in of_split.items()},
        {split: len(sentences) for split, sentences in of_split.items()},
    )
