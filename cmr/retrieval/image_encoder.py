"""The visual part: X_vgg, X_txt and their fusion (Eqs. 3-5)."""

import keras

from cmr.captioner import model
from cmr.config import ModelConfig
from cmr.data import input_names
from cmr.retrieval.dropout import Dropout


def image_understanding(image_features, units: int, trainable: bool):
    """Maps CNN features into the captioner's text space (Eq. 4): X_txt = X_img W_img.

    Args:
      image_features: `[batch, feature_dim]` float32, X_img (Eq. 3).
      units: size of the text space.
      trainable: whether W_img goes on learning.

    Returns:
      `[batch, units]` float32. Linear, no bias, not normalised.
    """
    text_space = keras.layers.Dense(units, use_bias=False, trainable=trainable, name=model.IMAGE_EMBEDDING)
    return text_space(image_features)


def joint_space_map(features, units: int, name: str):
    """One linear map into the joint space, Xavier initialised, no bias: a term of Eq. 5.

    Args:
      features: `[batch, dim]` float32.
      units: size of the joint space.
      name: of the Dense layer.

    Returns:
      `[batch, units]` float32.
    """
    return keras.layers.Dense(units, use_bias=False, kernel_initializer="glorot_uniform", name=name)(features)


def image_encoder(config: ModelConfig) -> keras.Model:
    """Image features to the joint space.

    Returns:
      A functional model from the inputs that the kind of model reads (`vgg_features` `[batch, vgg_dim]`,
      `image_features` `[batch, image_dim]`, float32) to `[batch, gru_units]` float32: unit vectors, or with
      `image_norm_in_loss=False` the map's plain output.
    """
    inputs, terms = {}, []
    if config.reads_vgg:
        vgg = inputs[input_names.VGG_FEATURES] = keras.Input((config.vgg_dim,), name=input_names.VGG_FEATURES)
        terms.append(joint_space_map(_prepared(vgg, "vgg", config), config.gru_units, "vgg_fuse"))
    if config.reads_image_features:
        image = inputs[input_names.IMAGE_FEATURES] = keras.Input((config.image_dim,), name=input_names.IMAGE_FEATURES)
        text = image
        if config.text_space_dim:
            text = image_understanding(image, config.text_space_dim, config.train_text_space)
        terms.append(joint_space_map(_prepared(text, "text", config), config.gru_units, "text_fuse"))
    embedding = terms[0] if len(terms) == 1 else keras.layers.Add(name="fusion")(terms)
    if config.image_norm_in_loss:
        embedding = keras.layers.UnitNormalization(name="unit_embedding")(embedding)
    return keras.Model(inputs, embedding, name="image_encoder")


def _prepared(features, name: str, config: ModelConfig):
    """What a map of Eq. 5 reads: features of one length, some of them dropped in training, where asked for."""
    if config.normalize_features:
        features = keras.layers.UnitNormalization(name=f"unit_{name}")(features)
    if config.dropout:
        features = Dropout(config.dropout, name=f"{name}_dropout")(features)
    return features
