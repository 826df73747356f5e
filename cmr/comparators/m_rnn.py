"""m-RNN, trained to say each next word, ranks by the probability of a sentence given the image.

Sentences of an image are ranked by p(sentence | image) / p(sentence), the latter being the mean over training images;
images of a sentence by its perplexity, whose order that quotient is too.

Reference: Mao, Xu, Yang, Wang, Huang, Yuille, "Deep captioning with multimodal recurrent neural networks (m-RNN)",
2015, section 6.
"""

import numpy as np
import tensorflow as tf

from cmr.captioner.loss import word_losses
from cmr.comparators.language_model import LanguageModelSystem
from cmr.comparators.m_rnn_model import MultimodalStates, m_rnn_model, states_before_words
from cmr.comparators.settings.language_models import MRnnSettings
from cmr.comparators.system import NeuralSystem, with_rms
from cmr.data import input_names
from cmr.data.examples import Examples


class MRnn(LanguageModelSystem, NeuralSystem):
    """The m-RNN of the paper on cached features."""

    settings: MRnnSettings

    def build(self, train: Examples) -> None:
        settings = self.settings
        self.model = m_rnn_model(
            self.features(train, np.arange(1)).shape[1],
            len(self.given.vocabulary),
            (settings.word_dim, settings.recurrent_units),
            settings.multimodal_units,
            settings.dropout,
        )
        self._word_losses = word_losses(self.model, states=states_before_words(self.model))
        self.draw_marginal_images(train)

    def batch(self, train: Examples, captions: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
        return {
            input_names.IMAGE_FEATURES: self.features(train, train.image_of_caption[captions]),
            input_names.CAPTION: train.padded(captions),
        }

    def loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The mean of -log p(word | words before it, image) (Eq. 5 of the paper without its decay of the weights)."""
        losses, _ = self._word_losses(batch, True)
        return tf.reduce_mean(losses)

    def language_model(self) -> MultimodalStates:
        return MultimodalStates(self.model, self.settings.bfloat16)

    def features(self, split: Examples, images: np.ndarray) -> np.ndarray:
        return with_rms(split, images)
