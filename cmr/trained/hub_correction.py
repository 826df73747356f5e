"""What a search takes off a picture's cosine with a sentence: what the picture has in common with every sentence.

bank = hub_correction.bank_of(sentences.rows)
correction = hub_correction.choose(val, split, bank)     # None where it gains nothing on validation
scores = pictures @ sentence + correction.of(pictures, bank)
"""

import dataclasses

import numpy as np

from cmr.data.examples import Examples
from cmr.evaluation import metrics, query_bank
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.metrics import RetrievalMetrics

# More of them tell no more, and each new picture is compared with all.
_MOST_SENTENCES = 6_000


def bank_of(sentences: np.ndarray) -> np.ndarray:
    """Sentences to compare pictures with: all, or so many at equal distances; `[at most 6,000, dim]` float32."""
    count = min(len(sentences), _MOST_SENTENCES)
    return np.asarray(sentences[np.linspace(0, len(sentences) - 1, count).astype(int)], np.float32)


@dataclasses.dataclass(frozen=True)
class HubCorrection:
    """The correction of `evaluation.query_bank` by the sentences that a model carries.

    Attributes:
      scale: t, chosen on the validation split.
      mean: of the validation pictures' h(c), which is added again, so that scores stay near cosines.
    """

    scale: float
    mean: float

    def of(self, pictures: np.ndarray, bank: np.ndarray) -> np.ndarray:
        """What is added to the pictures' cosines with any sentence.

        Args:
          pictures: `[num_pictures, dim]` float32, norm 1.
          bank: of `bank_of`, the model's sentences.

        Returns:
          `[num_pictures]` float32.
        """
        (hubness,) = query_bank.hubness(pictures, bank, [self.scale])
        return np.float32(self.mean) - hubness


def choose(val: Embeddings, split: Examples, bank: np.ndarray) -> HubCorrection | None:
    """The correction that finds the pictures of the validation split's sentences best.

    Args:
      val: the validation split's embeddings.
      split: its examples.
      bank: of `bank_of`.

    Returns:
      None where no scale has a larger sum of the three recalls than the cosines alone.
    """
    hubness = query_bank.hubness(val.images, bank, query_bank.SCALES)
    sums = [sum(image_retrieval(val, split, -each).recalls) for each in hubness]
    best = int(np.argmax(sums))
    if sums[best] <= sum(image_retrieval(val, split, np.zeros_like(hubness[0])).recalls):
        return None
    return HubCorrection(query_bank.SCALES[best], float(hubness[best].mean()))


def image_retrieval(val: Embeddings, split: Examples, added: np.ndarray) -> RetrievalMetrics:
    """Metrics of image retrieval by corrected cosines.

    Args:
      val: a split's embeddings.
      split: its examples.
      added: `[num_images]` float32, to the images' cosines with any sentence.
    """
    corrected = with_column(val, added)
    ranks = metrics.image_retrieval_ranks(corrected.images, corrected.captions, split.image_of_caption)
    return RetrievalMetrics.from_ranks(ranks)


def with_column(embeddings: Embeddings, added: np.ndarray) -> Embeddings:
    """Embeddings of one more column, whose products are the cosines with what is added to the images'.

    Args:
      embeddings: of a split.
      added: `[num_images]` float32.
    """
    images = np.concatenate([embeddings.images, added[:, None]], axis=1)
    return Embeddings(images, np.pad(embeddings.captions, ((0, 0), (0, 1)), constant_values=1))
