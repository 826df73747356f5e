"""On real photographs and a real CNN, which shows what a small one does not: what the rounding of a pixel does."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from cmr.config import ModelConfig
from cmr.data import input_names
from cmr.pictures.cnn import Cnn
from cmr.retrieval import image_encoder, text_encoder
from cmr.serving import saved_model
from cmr.trained.retriever import Retriever
from cmr.workspace.vocabulary import SPECIAL, Vocabulary
from data_prep.extract import cnns


@dataclasses.dataclass(frozen=True)
class UntrainedParts:
    """A real CNN, and encoders as they are before training."""

    cnn: Cnn

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary((*SPECIAL, "a", "dog"), (1,) * 5)

    @property
    def config(self) -> ModelConfig:
        return ModelConfig("vse", self.cnn.feature_dim, 0, len(self.vocabulary), word_dim=8, gru_units=128)

    def text_encoder(self) -> keras.Model:
        return text_encoder.of_model(self.config)

    def image_encoder(self) -> keras.Model:
        keras.utils.set_random_seed(0)
        return image_encoder.image_encoder(self.config)

    def cnns(self) -> dict[str, Cnn]:
        return {input_names.VGG_FEATURES: self.cnn}


@pytest.mark.real_data
@pytest.mark.parametrize("crops", [1, 10])
def test_photographs_are_embedded_as_the_retriever_embeds_them(shared, tmp_path, crops):
    description = cnns.efficientnet_lite2(str(shared / "weights/efficientnet_lite2_imagenet.npz"), 0, crops)
    parts = UntrainedParts(Cnn(description.build(), crops))
    photographs = sorted((shared / "data/mscoco/train2017").glob("*.jpg"))[: 80 // crops]
    photographs += sorted((shared / "data/flickr8k/Flicker8k_Dataset").glob("*.jpg"))[: 80 // crops]

    saved_model.write(tmp_path / "1", parts)
    embed = tf.saved_model.load(tmp_path / "1").signatures[saved_model.EMBED_PICTURES]
    served = np.concatenate([embed(image_bytes=tf.constant([path.read_bytes()]))["embeddings"] for path in photographs])

    cosines = np.sum(served * Retriever(parts).embed_pictures(photographs), axis=1)
    assert len(cosines) >= 16
    assert cosines.min() > 0.9999
