"""Word dropout: in training, some words of a sentence are not told to the encoder."""

import keras
from keras import ops

from cmr import vocabulary


@keras.saving.register_keras_serializable("cmr")
class WordDropout(keras.layers.Layer):
    """Replaces words by `<unk>` at random in training.

    Each word is drawn by itself. What is left is not scaled: the sentence is like one of test time that holds unknown
    words, and their embedding learns too, which otherwise stays as it was drawn. `<end>` and padding stay.

    Args:
      rate: share of the words replaced.

    Reference: Kiperwasser, Goldberg, "Simple and accurate dependency parsing using bidirectional LSTM feature
    representations", 2016; Bowman et al., "Generating sentences from a continuous space", 2016.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()
        self.built = True

    def call(self, captions, training=False):
        """Drops words in training alone.

        Args:
          captions: `[batch, time]` int32 word ids.

        Returns:
          The same shape and dtype.
        """
        if not training:
            return captions
        drawn = keras.random.uniform(ops.shape(captions), seed=self.seed_generator) < self.rate
        return ops.where(ops.logical_and(drawn, captions > vocabulary.END_ID), vocabulary.UNK_ID, captions)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
