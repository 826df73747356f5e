"""The whole retrieval model: both encoders side by side."""

import keras
import numpy as np
import pydot

from cmr.captioner.model import IMAGE_EMBEDDING
from cmr.config import ModelConfig
from cmr.data import input_names
from cmr.errors import ConfigError
from cmr.retrieval import image_encoder, text_encoder
from cmr.retrieval.text_encoder import WordDropout
from cmr.workspace.ngrams import Ngrams


def retrieval_model(
    config: ModelConfig,
    text_space: np.ndarray | None = None,
    precision: str = "float32",
    ngrams: Ngrams | None = None,
) -> keras.Model:
    """Builds `vse`, `single` or `fusion` (config.model).

    >>> config = cmr.ModelConfig("vse", vgg_dim=4096, image_dim=0, vocabulary_size=50, word_dim=8, gru_units=16)
    >>> model = cmr.retrieval_model(config)
    >>> two_of_each = {"vgg_features": np.ones((2, 4096), np.float32), "caption": np.array([[3, 4, 2], [5, 2, 0]])}
    >>> {name: tuple(embeddings.shape) for name, embeddings in model(two_of_each).items()}
    {'image': (2, 16), 'caption': (2, 16)}

    Args:
      config: sizes and readings.
      text_space: W_img, `[image_dim, text_space_dim]` float32; None leaves a random one (weights follow), or
        there is none (text_space_dim 0).
      precision: of the factors of the text encoder's products, one of `config.PRECISIONS`; weights and outputs are
        float32.
      ngrams: of the training sentences, where the text encoder has a level of them.

    Returns:
      A functional model from a dict of the image encoder's inputs and `caption` to
      `{"image": [batch, gru_units], "caption": [batch, gru_units]}` float32. Its two parts are the layers
      `image_encoder` and `text_encoder`. Images and captions of one call may differ in number.

    Raises:
      ConfigError: the kernel does not fit the features, or the n-grams not the settings.
    """
    images = image_encoder.image_encoder(config)
    captions = text_encoder.of_model(config, precision, ngrams)
    caption = keras.Input((None,), dtype="int32", name=input_names.CAPTION)
    heard = caption
    if config.word_dropout:
        heard = WordDropout(config.word_dropout, name="word_dropout")(caption)
    inputs = {name: keras.Input(tensor.shape[1:], name=name) for name, tensor in images.input.items()}
    outputs = {"image": images(inputs), "caption": captions(heard)}
    model = keras.Model({**inputs, input_names.CAPTION: caption}, outputs, name=config.model)
    if config.reads_image_features and text_space is not None:
        _set_text_space(images, text_space)
    return model


def _set_text_space(images: keras.Model, text_space: np.ndarray) -> None:
    layer = images.get_layer(IMAGE_EMBEDDING)
    expected = tuple(layer.kernel.shape)
    if text_space.shape != expected:
        raise ConfigError(
            f"W_img is {list(text_space.shape)} but the image features and --text_space_dim need {list(expected)}; "
            "give a captioner trained on the same features (--captioner, --image_features)"
        )
    layer.set_weights([text_space])


def model_diagram(model: keras.Model) -> pydot.Dot:
    """The model as Graphviz draws it: both encoders opened, with shapes and with what is trained.

    Its `to_string()` is the Graphviz source; `create_svg()` and `write_png()` raise FileNotFoundError without Graphviz.
    """
    return keras.utils.model_to_dot(model, show_shapes=True, expand_nested=True, show_trainable=True)
