"""A trained model as a TensorFlow SavedModel that takes sentences and files of pictures, and needs nothing of ours.

    served = tf.saved_model.load("serving/1")
    served.signatures["embed_sentences"](sentences=tf.constant(["a dog by the sea"]))["embeddings"]
    served.signatures["embed_pictures"](image_bytes=tf.constant([open("dog.jpg", "rb").read()]))["embeddings"]

Names are as TensorFlow Serving's REST wants them: what ends in `_bytes` is sent as `{"b64": ...}`.
"""

import pathlib
from collections.abc import Callable

import keras
import tensorflow as tf

from cmr.serving import picture_squares
from cmr.serving.word_ids import WordIds
from cmr.trained.retriever import ROWS_AT_ONCE, RetrieverParts

EMBED_SENTENCES, EMBED_PICTURES = "embed_sentences", "embed_pictures"


def write(folder: pathlib.Path, parts: RetrieverParts) -> None:
    """Writes the SavedModel into a folder.

    Args:
      folder: is made.
      parts: of the model.

    Raises:
      CmrError: the model has no CNN for new pictures.
    """
    served = _Served(parts)
    signatures = {EMBED_SENTENCES: served.embed_sentences, EMBED_PICTURES: served.embed_pictures}
    tf.saved_model.save(served, str(folder), signatures)


class _Served(tf.Module):
    """What is served.

    Keras's objects stay outside, since whoever loads them again needs their classes: a model is its variables and what
    it does with them.
    """

    def __init__(self, parts: RetrieverParts):
        super().__init__()
        cnns = {name: (cnn, _OnOwnVariables(cnn.model)) for name, cnn in parts.cnns().items()}
        self.word_ids = WordIds(parts.vocabulary)
        self.sentence_encoder = _OnOwnVariables(parts.text_encoder())
        self.image_encoder = _OnOwnVariables(parts.image_encoder())
        self.cnns = [model for _, model in cnns.values()]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "sentences")])
        def embed_sentences(sentences):
            embeddings = _by_length(self.sentence_encoder, self.word_ids(sentences))
            return {"embeddings": tf.ensure_shape(embeddings, [None, parts.config.gru_units])}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
        def embed_pictures(image_bytes):
            features = {}
            for name, (cnn, model) in cnns.items():
                squares = tf.map_fn(
                    lambda encoded, cnn=cnn: picture_squares.squares(encoded, cnn.input_size, cnn.crops),
                    image_bytes,
                    fn_output_signature=tf.TensorSpec([cnn.crops, cnn.input_size, cnn.input_size, 3], tf.uint8),
                )
                features[name] = features_of_squares(model, squares)
            return {"embeddings": unit(self.image_encoder(features))}

        self.embed_sentences, self.embed_pictures = embed_sentences, embed_pictures


def _by_length(encoder: Callable[[tf.Tensor], tf.Tensor], word_ids: tf.Tensor) -> tf.Tensor:
    """`Retriever.embed_sentences` as part of a graph: the same rows in the same blocks give the same bits."""
    lengths = tf.math.count_nonzero(word_ids, axis=1, dtype=tf.int32)
    order = tf.argsort(lengths, stable=True)
    starts = tf.range(0, tf.size(order), ROWS_AT_ONCE)
    blocks = tf.TensorArray(tf.float32, tf.size(starts), infer_shape=False)
    for place in tf.range(tf.size(starts)):
        rows = order[starts[place] : starts[place] + ROWS_AT_ONCE]
        longest = lengths[rows[-1]]
        blocks = blocks.write(place, encoder(tf.gather(word_ids, rows)[:, :longest]))
    return tf.gather(blocks.concat(), tf.argsort(order))


class _OnOwnVariables(tf.Module):
    """A Keras model on copies of its variables; names that begin with _ are Keras's to give and not TensorFlow's."""

    def __init__(self, model: keras.Model):
        super().__init__()
        self._call = model.stateless_call
        self._trained, self._others = (
            [
                tf.Variable(variable.value, trainable=False, name=f"weight_{place}")
                for place, variable in enumerate(each)
            ]
            for each in (model.trainable_variables, model.non_trainable_variables)
        )

    def __call__(self, inputs):
        with tf.name_scope("model"):
            return self._call(self._trained, self._others, inputs, training=False)[0]


def features_of_squares(cnn: Callable[[tf.Tensor], tf.Tensor], squares: tf.Tensor) -> tf.Tensor:
    """`Cnn.features` as part of a graph.

    Args:
      cnn: the model.
      squares: `[num_pictures, crops, size, size, 3]` uint8.

    Returns:
      `[num_pictures, feature_dim]` float32.
    """
    rows = cnn(tf.reshape(tf.cast(squares, tf.float32), [-1, *squares.shape[2:]]))
    return tf.reduce_mean(tf.reshape(rows, [-1, squares.shape[1], rows.shape[-1]]), axis=1)


def unit(vectors: tf.Tensor) -> tf.Tensor:
    """Rows made unit, as `Retriever.embed_features` makes them."""
    return vectors / tf.maximum(tf.norm(vectors, axis=1, keepdims=True), 1e-12)
