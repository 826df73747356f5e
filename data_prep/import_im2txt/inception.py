"""Inception v3 of a TensorFlow-slim checkpoint as Keras's Inception v3.

Names: tensorflow/contrib/slim/python/slim/nets/inception_v3.py, which im2txt builds its CNN with.
"""

import re

import keras

from data_prep.import_im2txt.checkpoint import Checkpoint

_SCOPE = "InceptionV3"
_PROBE = f"{_SCOPE}/Conv2d_1a_3x3/weights"

_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")

_SQUARE = (
    ("Conv2d_0a_1x1",),
    ("Conv2d_0a_1x1", "Conv2d_0b_5x5"),
    ("Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_3x3"),
    ("Conv2d_0b_1x1",),
)
_LONG = (
    ("Conv2d_0a_1x1",),
    ("Conv2d_0a_1x1", "Conv2d_0b_1x7", "Conv2d_0c_7x1"),
    ("Conv2d_0a_1x1", "Conv2d_0b_7x1", "Conv2d_0c_1x7", "Conv2d_0d_7x1", "Conv2d_0e_1x7"),
    ("Conv2d_0b_1x1",),
)
# The convolutions of each block's branches, in the order in which slim and Keras make them. 5c's second branch and the
# 3x1 of 7b have names of their own.
_BLOCKS = {
    "Mixed_5b": _SQUARE,
    "Mixed_5c": (_SQUARE[0], ("Conv2d_0b_1x1", "Conv_1_0c_5x5"), *_SQUARE[2:]),
    "Mixed_5d": _SQUARE,
    "Mixed_6a": (("Conv2d_1a_1x1",), ("Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_1a_1x1")),
    "Mixed_6b": _LONG,
    "Mixed_6c": _LONG,
    "Mixed_6d": _LONG,
    "Mixed_6e": _LONG,
    "Mixed_7a": (
        ("Conv2d_0a_1x1", "Conv2d_1a_3x3"),
        ("Conv2d_0a_1x1", "Conv2d_0b_1x7", "Conv2d_0c_7x1", "Conv2d_1a_3x3"),
    ),
    "Mixed_7b": (
        ("Conv2d_0a_1x1",),
        ("Conv2d_0a_1x1", "Conv2d_0b_1x3", "Conv2d_0b_3x1"),
        ("Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_1x3", "Conv2d_0d_3x1"),
        ("Conv2d_0b_1x1",),
    ),
    "Mixed_7c": (
        ("Conv2d_0a_1x1",),
        ("Conv2d_0a_1x1", "Conv2d_0b_1x3", "Conv2d_0c_3x1"),
        ("Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_1x3", "Conv2d_0d_3x1"),
        ("Conv2d_0b_1x1",),
    ),
}


def is_in(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint holds an Inception v3."""
    return checkpoint.has(_PROBE)


def convolution_names() -> tuple[str, ...]:
    """The scopes of all 94 convolutions, in the order in which slim and Keras make them."""
    mixed = (
        f"{block}/Branch_{number}/{name}"
        for block, branches in _BLOCKS.items()
        for number, branch in enumerate(branches)
        for name in branch
    )
    return tuple(f"{_SCOPE}/{name}" for name in (*_STEM, *mixed))


def inception_of(checkpoint: Checkpoint) -> keras.Model:
    """Builds Keras's Inception v3 with a checkpoint's weights.

    Returns:
      `keras.applications.InceptionV3` without its classification layer, ending in the 2048-d pool.

    Raises:
      DataError: a variable is missing or of another shape.
    """
    model = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg")
    convolutions = _in_order_of_making(model, keras.layers.Conv2D)
    norms = _in_order_of_making(model, keras.layers.BatchNormalization)
    for scope, convolution, norm in zip(convolution_names(), convolutions, norms, strict=True):
        convolution.set_weights([checkpoint.read(f"{scope}/weights", convolution.kernel.shape)])
        # slim's batch norm has no gamma here, and the epsilon of Keras's, 0.001.
        names = ("beta", "moving_mean", "moving_variance")
        norm.set_weights([checkpoint.read(f"{scope}/BatchNorm/{name}", norm.beta.shape) for name in names])
    return model


def _in_order_of_making(model: keras.Model, kind: type[keras.layers.Layer]) -> list[keras.layers.Layer]:
    """Keras numbers the names of its layers as they are made; `model.layers` goes by depth."""

    def number(layer: keras.layers.Layer) -> int:
        sentences = re.search(r"_(\d+)$", layer.name)
        return int(sentences[1]) if sentences else 0

    return sorted((layer for layer in model.layers if isinstance(layer, kind)), key=number)
