"""DeViSE: images linearly into the words' space."""

import keras
import numpy as np
import tensorflow as tf

from cmr.comparators.settings.dense import DeviseSettings
from cmr.comparators.system import EmbeddingSystem, NeuralSystem, side_by_side, unit
from cmr.data.examples import Examples
from cmr.evaluation.encoding import Embeddings


class Devise(EmbeddingSystem, NeuralSystem):
    """A linear map of the CNN's features, `M v`; a sentence is the mean `t` of its word vectors, norm 1.

    Reference: Frome, Corrado, Shlens, Bengio, Dean, Ranzato, Mikolov, "DeViSE: a deep visual-semantic embedding model",
    2013, as Socher et al. 2014 and Karpathy et al. 2014 ran it again on sentences.
    """

    settings: DeviseSettings

    def build(self, train: Examples) -> None:
        self._texts = unit(self.given.word_vectors.sentence_means(train))
        features = keras.Input((side_by_side(train, np.arange(1)).shape[1],))
        mapped = keras.layers.Dense(self.given.word_vectors.dim, use_bias=False, name="M")(features)
        self.model = keras.Model(features, mapped)

    def batch(self, train: Examples, captions: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
        images = train.image_of_caption[captions]
        return {"features": side_by_side(train, images), "texts": self._texts[captions], "images": images}

    def loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """`sum over wrong j of max(0, margin - t M v + t_j M v)`, the mean over the images of a batch.

        The wrong ones are the batch's other sentences, a random draw, but for those of the same image.
        """
        scores = tf.matmul(self.model(batch["features"], training=True), batch["texts"], transpose_b=True)
        wrong = tf.not_equal(batch["images"][:, None], batch["images"][None, :])
        hinge = tf.nn.relu(self.settings.margin - tf.linalg.diag_part(scores)[:, None] + scores)
        return tf.reduce_mean(tf.reduce_sum(tf.where(wrong, hinge, 0.0), axis=1))

    def embed(self, split: Examples) -> Embeddings:
        images = self.model.predict(side_by_side(split), batch_size=1024, verbose=0)
        return Embeddings(unit(images), unit(self.given.word_vectors.sentence_means(split)))
