"""A frozen CNN as extraction reads it, whichever it is."""

import dataclasses
from collections.abc import Callable

import keras

# What the paper extracts; anything else stands in for it.
PAPER_VGG = "VGG16 fc7"
PAPER_IMAGE = "Inception v3"


@dataclasses.dataclass(frozen=True)
class CnnDescription:
    """A frozen CNN: what it is, where its weights come from, and how to build it.

    Attributes:
      name: folder name of its features.
      model_name: network, such as `vgg16`.
      layer: `fc7`, `fc6`, `pool5_avg` or `pool`; `stages3`, `grid`, `grid4x4` or `predictions`.
      weights: `imagenet`, `random, seed N`, `scenes, seed N` or a file's name.
      weights_sha256: of what the weights come from: the weight file, the hub module, or the scenes' captions.csv;
        "" where the name of the weights says it all.
      input_size: side of its pictures in pixels.
      stand_in: what the features stand in for, or "".
      build: makes the model, from `[batch, input_size, input_size, 3]` float32 RGB in 0 ... 255 to
        `[batch, feature_dim]` float32, or of a grid `[batch, cells, feature_dim]`.
      is_saved: whether cnn.keras is written beside the features.
    """

    name: str
    model_name: str
    layer: str
    weights: str
    weights_sha256: str
    input_size: int
    stand_in: str
    build: Callable[[], keras.Model]
    is_saved: bool = True
