"""EfficientNet-Lite2 as a Keras functional model, with weights in PyTorch's layout.

Architecture: Tan and Le, "EfficientNet", 2019, scaled by 1.1 in width and 1.2 in depth; the Lite variant (Liu, 2020)
has ReLU6, no squeeze-and-excitation, and leaves the stem, the head and the first and last stage unscaled.
"""

import pathlib

import keras
import numpy as np

from cmr.errors import WorkspaceError
from cmr.workspace import feature_names
from cmr.workspace.numpy_files import UNREADABLE

INPUT_SIZE = feature_names.OWN_SIZES["efficientnet_lite2"]
FEATURE_DIM = 1280
NUM_CLASSES = 1000

_STEM = 32
_EPSILON = 1e-3

# One row a stage: blocks, kernel side, stride of the first block, expansion, output channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 48),
    (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120),
    (5, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)
# Outputs of the model: the map at the end of each.
STAGE_OUTPUTS = tuple(f"stage{number}" for number in range(1, len(_STAGES) + 1))


def efficientnet_lite2(input_size: int = INPUT_SIZE) -> keras.Model:
    """Builds the network with random weights.

    Args:
      input_size: side of its pictures in pixels.

    Returns:
      A functional model from `[batch, 260, 260, 3]` float32 RGB in 0 ... 255 to `{"map": [batch, 9, 9, 1280],
      "features": [batch, 1280], "logits": [batch, 1000]}` float32, and under `STAGE_OUTPUTS` the maps at the end of
      each stage. A layer's name is its weights' name in the PyTorch layout.
    """
    pictures = keras.Input((input_size, input_size, 3), name="pictures")
    x = keras.layers.Rescaling(1 / 128, -127 / 128, name="rescaling")(pictures)
    x = _relu6(_norm(_conv(x, _STEM, 3, 2, "_conv_stem"), "_bn0"))
    number, ends = 0, {}
    for stage, (blocks, kernel, stride, expansion, channels) in zip(STAGE_OUTPUTS, _STAGES, strict=True):
        for block in range(blocks):
            x = _block(x, kernel, stride if block == 0 else 1, expansion, channels, f"_blocks.{number}.")
            number += 1
        ends[stage] = x
    x = _relu6(_norm(_conv(x, FEATURE_DIM, 1, 1, "_conv_head"), "_bn1"))
    features = keras.layers.GlobalAveragePooling2D(name="features")(x)
    logits = keras.layers.Dense(NUM_CLASSES, name="_fc")(features)
    outputs = {"map": x, "features": features, "logits": logits, **ends}
    return keras.Model(pictures, outputs, name="efficientnet_lite2")


def load_weights(model: keras.Model, path: pathlib.Path) -> None:
    """Loads a `.npz` of PyTorch's state: convolutions as OIHW, batch norms as weight, bias, running_mean, running_var.

    Raises:
      WorkspaceError: the file is missing, no `.npz`, or not of this network.
    """
    try:
        with np.load(path) as arrays:
            for layer in model.layers:
                if layer.weights:
                    layer.set_weights(_layer_weights(layer, arrays))
    except FileNotFoundError as error:
        raise WorkspaceError(f"--weights={path} does not exist") from error
    except UNREADABLE as error:
        raise WorkspaceError(
            f"--weights={path} does not hold EfficientNet-Lite2's weights ({error}); give a .npz in PyTorch's layout"
        ) from error


def _layer_weights(layer: keras.layers.Layer, arrays) -> list[np.ndarray]:
    def entry(kind: str) -> np.ndarray:
        return np.asarray(arrays[f"{layer.name.replace('/', '.')}.{kind}"], np.float32)

    if isinstance(layer, keras.layers.BatchNormalization):
        return [entry(kind) for kind in ("weight", "bias", "running_mean", "running_var")]
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return [entry("weight").transpose(2, 3, 0, 1)]
    if isinstance(layer, keras.layers.Conv2D):
        return [entry("weight").transpose(2, 3, 1, 0)]
    return [entry("weight").T, entry("bias")]


def _block(x, kernel: int, stride: int, expansion: int, channels: int, prefix: str):
    """A mobile inverted bottleneck: expand, depthwise, project, and the input added where shapes allow."""
    shortcut = x
    if expansion != 1:
        x = _relu6(_norm(_conv(x, x.shape[-1] * expansion, 1, 1, f"{prefix}_expand_conv"), f"{prefix}_bn0"))
    depthwise = keras.layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{prefix}_depthwise_conv")
    x = _relu6(_norm(depthwise(x), f"{prefix}_bn1"))
    x = _norm(_conv(x, channels, 1, 1, f"{prefix}_project_conv"), f"{prefix}_bn2")
    if stride == 1 and shortcut.shape[-1] == channels:
        x = keras.layers.Add()([shortcut, x])
    return x


def _conv(x, channels: int, kernel: int, stride: int, name: str):
    return keras.layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=name)(x)


def _norm(x, name: str):
    return keras.layers.BatchNormalization(epsilon=_EPSILON, name=name)(x)


def _relu6(x):
    return keras.layers.ReLU(max_value=6.0)(x)
