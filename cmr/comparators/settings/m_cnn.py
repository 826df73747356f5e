"""Settings of m-CNN, which its four networks and their sum share."""

import dataclasses
from typing import ClassVar

from cmr.comparators.settings.declared import NeuralSettings, setting


@dataclasses.dataclass(frozen=True)
class MCnnSettings(NeuralSettings):
    """Of the matching networks: sizes are the paper's; of its training the paper says little."""

    flag_prefix: ClassVar[str] = "m_cnn"
    title: ClassVar[str] = "m-CNN"
    notes: ClassVar[tuple[str, ...]] = (
        "m-CNN is trained by Adam, and its wrong pairs are others of the batch; the paper has plain descent.",
    )

    batch_size: int = setting(100, "Sentences a step; the paper has 100 to 150.", lower=2)
    learning_rate: float = setting(1e-3, "Adam's rate; the paper has plain descent and names none.", lower=0.0)
    max_epochs: int = setting(10, "Epochs at most.", lower=1)
    decay_epochs: int = setting(
        8,
        "Epochs after which the rate falls to a tenth; 0: never. The paper is silent; chosen on Flickr8K's validation "
        "images.",
        lower=0,
    )
    val_images: int = setting(
        200,
        "Validation images, the first ones, by which epochs are judged: every pair goes through the network; 0: all.",
        lower=0,
    )
    margin: float = setting(0.5, "Margin of the ranking loss, in units of the score; the paper's.", lower=0.0)
    negatives: int = setting(
        10, "Wrong images a sentence, and wrong sentences an image, of the batch; the paper names no number.", lower=1
    )
    image_rms: float = setting(
        0.0,
        "Root mean square of an image's features, those of all CNNs side by side; 0: those of each CNN have norm 1. "
        "That of VGG's fc7, which the paper took as it is, is near 1.",
        lower=0.0,
        later=True,
    )
    image_units: int = setting(256, "Size of the image's vector.", lower=1)
    hidden_units: int = setting(400, "Size of the perceptron's hidden layer.", lower=1)
    filters_1: int = setting(200, "Filters of the first convolution.", lower=1)
    filters_2: int = setting(300, "Filters of the second convolution.", lower=1)
    filters_3: int = setting(300, "Filters of the third convolution.", lower=1)
    dropout: float = setting(
        0.1, "Share of the image's vector and of the hidden layer that is dropped; the paper's.", lower=0.0, upper=0.9
    )

    @property
    def takes_word_vectors(self) -> bool:
        return True
