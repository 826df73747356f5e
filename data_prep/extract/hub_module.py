"""Wraps a tensorflow-hub image module as a Keras layer; hub's own KerasLayer belongs to Keras 2."""

import pathlib

import keras
import tensorflow as tf
import tensorflow_hub as hub

from cmr.errors import ConfigError, WorkspaceError
from cmr.workspace import checksums


class HubFeatures(keras.layers.Layer):
    """Feature vectors of a tensorflow-hub image module, frozen.

    Args:
      module: path or URL of a SavedModel with hub's image signature: RGB in 0 ... 1 in, one vector a picture out.

    Raises:
      WorkspaceError: it can't be had, or takes something else.
    """

    def __init__(self, module: str, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self._module = _load(module)
        self._features = _callable(self._module, module)
        self.image_size = _image_size(self._module)

    def call(self, pictures):
        """`[batch, size, size, 3]` float32 RGB in 0 ... 255 to `[batch, feature_dim]` float32."""
        return self._features(pictures / 255.0)

    def compute_output_spec(self, pictures):
        # The module says the shape only when it is called on real tensors.
        vectors = self._features(tf.zeros([1, *pictures.shape[1:]]))
        if vectors.shape.rank != 2:
            raise WorkspaceError(
                f"--hub_module gives {list(vectors.shape)} for a picture, not one vector; take its feature-vector form"
            )
        return keras.KerasTensor((pictures.shape[0], vectors.shape[1]), dtype="float32")


def hub_model(module: str, image_size: int) -> tuple[keras.Model, int]:
    """A functional model around the module.

    Args:
      module: path or URL.
      image_size: side of its pictures in pixels; 0 takes what the module's signature says.

    Returns:
      The model, from `[batch, size, size, 3]` float32 RGB in 0 ... 255 to `[batch, feature_dim]` float32, and the size.

    Raises:
      WorkspaceError: the module can't be had or is of another kind.
      ConfigError: its size is not known.
    """
    layer = HubFeatures(module, name="hub_features")
    size = image_size or layer.image_size
    if not size:
        raise ConfigError(f"--hub_module={module} does not say the size of its pictures; give --input_size")
    pictures = keras.Input((size, size, 3), name="pictures")
    return keras.Model(pictures, layer(pictures), name="hub"), size


def module_checksum(module: str) -> str:
    """SHA-256 of a module's files; "" for a URL, which names its version itself."""
    folder = pathlib.Path(module)
    if not folder.is_dir():
        return ""
    return checksums.files_sha256(sorted(path for path in folder.rglob("*") if path.is_file()))


def _load(module: str):
    if "://" not in module and not pathlib.Path(module).is_dir():
        raise WorkspaceError(f"--hub_module={module} is not a folder; give a SavedModel's folder or its URL")
    try:
        return hub.load(module)
    # tensorflow-hub passes on whatever its resolvers and the SavedModel reader raise.
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WorkspaceError(
            f"--hub_module={module} can't be loaded ({reason}); offline, download the module elsewhere, unpack it and "
            "give its folder"
        ) from error


def _callable(loaded, module: str):
    if callable(loaded):
        return loaded
    # Modules of TensorFlow 1 have signatures only.
    signature = loaded.signatures.get("image_feature_vector", loaded.signatures.get("default"))
    if signature is None:
        raise WorkspaceError(
            f"--hub_module={module} has no image signature (default or image_feature_vector); take its feature-vector "
            "form"
        )
    (name,) = signature.structured_input_signature[1]
    return lambda pictures: signature(**{name: pictures})["default"]


def _image_size(loaded) -> int:
    """The side that the signatures fix; 0 where they leave it open."""
    for signature in loaded.signatures.values():
        for spec in signature.structured_input_signature[1].values():
            if spec.shape.rank == 4 and spec.shape[1]:
                return int(spec.shape[1])
    return 0
