"""What a search takes off a picture's cosine with a sentence: what the picture has in common with every sentence.

correction = hub_correction.choose(val, split, sentences.rows)     # None where it gains nothing on validation
scores = pictures @ sentence + correction.of(pictures, sentences.rows)
"""

import dataclasses

import numpy as np

from cmr.data.examples import Examples
from cmr.evaluation import metrics, query_bank
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.metrics import RetrievalMetrics


@dataclasses.dataclass(frozen=True)
class HubCorrection:
    """The correction of `evaluation.query_bank` by the sentences that a model carries.

    Attributes:
      scale: t, chosen on the validation split.
      mean: of the validation pictures' h(c), which is added again, so that scores stay near cosines.
    """

    scale: float
    mean: float

    def of(self, pictures: np.ndarray, sentences: np.ndarray) -> np.ndarray:
        """What is added to the pictures' cosines with any sentence.

        Args:
          pictures: `[num_pictures, dim]` float32, norm 1.
          sentences: `[num_sentences, dim]`, the model's, norm 1.

        Returns:
          `[num_pictures]` float32.
        """
        (hubness,) = query_bank.hubness(pictures, np.asarray(sentences, np.float32), [self.scale])
        return np.float32(self.mean) - hubness


def choose(val: Embeddings, split: Examples, sentences: np.ndarray) -> HubCorrection | None:
    """The correction that finds the pictures of the validation split's sentences best.

    Args:
      val: the validation split's embeddings.
      split: its examples.
      sentences: `[num_sentences, dim]`, those that the model carries.

    Returns:
      None where the cosines alone have the larger sum of the three recalls.
    """
    hubness = query_bank.hubness(val.images, np.asarray(sentences, np.float32), query_bank.SCALES)
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
    images = np.concatenate([val.images, added[:, None]], axis=1)
    captions = np.pad(val.captions, ((0, 0), (0, 1)), constant_values=1)
    return RetrievalMetrics.from_ranks(metrics.image_retrieval_ranks(images, captions, split.image_of_caption))
