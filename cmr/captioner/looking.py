"""Whether a captioner looks at the picture: how much worse it does with pictures of other images."""

import dataclasses

import numpy as np

from cmr.captioner import decoding
from cmr.captioner.beam_search import SearchConfig
from cmr.captioner.decoding import Decoder
from cmr.captioner.loss import SplitLosses
from cmr.data import input_names
from cmr.data.examples import Examples
from cmr.workspace.vocabulary import Vocabulary

# Other images' pictures raise the perplexity of a captioner that looks to twice the right one's and more.
_HARDLY = 1.25

_GREEDY = SearchConfig(width=1)


@dataclasses.dataclass(frozen=True)
class Looking:
    """How far a captioner's words depend on the picture, on one split.

    Attributes:
      perplexity: of a word, with the pictures that the sentences are of.
      shuffled_perplexity: the same with every image's picture exchanged for another's.
      distinct_captions: different sentences among its most probable ones.
      images: of the split.
    """

    perplexity: float
    shuffled_perplexity: float
    distinct_captions: int
    images: int

    @property
    def hardly(self) -> bool:
        """Whether it does nearly as well with other images' pictures."""
        return self.images > 1 and not self.shuffled_perplexity > _HARDLY * self.perplexity

    def __str__(self) -> str:
        return (
            f"perplexity {self.perplexity:.3f} with the right pictures, {self.shuffled_perplexity:.3f} with other "
            f"images'; {self.distinct_captions:,} different captions of {self.images:,} pictures"
        )

    def warning(self) -> str:
        """A sentence on a captioner that hardly looks; "" on another."""
        if not self.hardly:
            return ""
        return (
            f"It hardly looks at the pictures (perplexity {self.perplexity:.2f}, with other images' pictures "
            f"{self.shuffled_perplexity:.2f}): it has not seen enough of them, or not long enough"
        )


def exchange_pictures(split: Examples, seed: int = 0) -> Examples:
    """A split in which every image has the features of another one, by a seeded derangement.

    Args:
      split: of at least two images.
      seed: of the exchange.
    """
    order = np.random.default_rng(seed).permutation(split.num_images)
    # Along one circle through all images nobody keeps its own.
    partner = np.empty_like(order)
    partner[order] = np.roll(order, 1)
    features = {name: dataclasses.replace(rows, rows=rows.rows[partner]) for name, rows in split.features.items()}
    return dataclasses.replace(split, features=features)


def measure(decoder: Decoder, losses: SplitLosses, split: Examples, words: Vocabulary) -> tuple[Looking, list[str]]:
    """Measures a captioner on a split.

    Args:
      decoder: of the captioner.
      losses: of its model.
      split: the images, with `image_features`.
      words: of the captioner.

    Returns:
      The measurement, and the most probable words for each image.
    """
    features = split.features[input_names.IMAGE_FEATURES].take(np.arange(split.num_images))
    captions = [
        decoding.text(sentences[0].words, words) if sentences else ""
        for sentences in decoding.caption_features(decoder, features, _GREEDY)
    ]
    perplexity = losses.perplexity(split)
    # A single picture has no other to be exchanged for.
    shuffled = losses.perplexity(exchange_pictures(split)) if split.num_images > 1 else perplexity
    return Looking(perplexity, shuffled, len(set(captions)), split.num_images), captions
