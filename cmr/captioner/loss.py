"""The captioner's loss: cross entropy of every word, and its perplexity on a split."""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from cmr.captioner.lstm import Batch, PackedStates, packed_states
from cmr.captioner.model import LOGITS
from cmr.data import input_names
from cmr.data.examples import Examples

_BATCH = 128


def word_losses(
    model: keras.Model,
    label_smoothing: float = 0.0,
    states: Callable[[Batch, bool], PackedStates] | None = None,
    added: tf.Tensor | None = None,
) -> Callable[[Batch, bool], tuple[tf.Tensor, tf.Tensor]]:
    """Makes the function that gives `-log p(word | image, words before it)` of the words of a batch.

    Args:
      model: of `model.captioner_model`.
      label_smoothing: share of a word's probability that training spreads evenly over the vocabulary (Szegedy et al.,
        "Rethinking the Inception architecture", 2016).
      states: what the layer `logits` reads before each word; by default the LSTM's states.
      added: to the logits, `[vocabulary_size]` float32, such as `sampling.impossible`; None: nothing.

    Returns:
      A function of a batch (the model's inputs) and of whether it is training, to the losses `[num_words]` float32 of
      the words that are not padding, and to the sentence of each, `[num_words]` int32. Nothing is computed for padding.
    """
    logits_layer = model.get_layer(LOGITS)
    run = states or packed_states(model)

    def losses(batch: Batch, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        before_words, words, sentences = run(batch, training)
        logits = logits_layer(before_words)
        if added is not None:
            logits += added
        values = tf.nn.sparse_softmax_cross_entropy_with_logits(words, logits)
        if training and label_smoothing:
            # -log p of a word drawn evenly, less that of the right one.
            others = tf.gather(logits, words, axis=1, batch_dims=1) - tf.reduce_mean(logits, axis=1)
            values += label_smoothing * others
        return values, sentences

    return losses


class SplitLosses:
    """Scores sentences with a captioner as it stands, without dropout.

    Args:
      model: of `model.captioner_model`; later changes of its weights are seen.
    """

    def __init__(self, model: keras.Model):
        losses = word_losses(model)

        @tf.function(reduce_retracing=True)
        def sums(batch: Batch) -> tf.Tensor:
            values, sentences = losses(batch, False)
            return tf.math.unsorted_segment_sum(values, sentences, tf.shape(batch[input_names.CAPTION])[0])

        self._sums = sums

    def of_sentences(self, split: Examples, sentences: np.ndarray) -> np.ndarray:
        """`-log p(sentence | its image)` of some sentences of a split: `[len(sentences)]` float64."""
        losses_of_sentences = np.empty(len(sentences), np.float64)
        # Sentences of one length together: no padding is computed.
        by_length = np.argsort(split.lengths[sentences], kind="stable")
        for start in range(0, len(sentences), _BATCH):
            places = by_length[start : start + _BATCH]
            losses_of_sentences[places] = self._sums(caption_batch(split, sentences[places])).numpy()
        return losses_of_sentences

    def perplexity(self, split: Examples) -> float:
        """`perplexity_of` the mean loss of a word over all sentences of a split, end words included."""
        total = self.of_sentences(split, np.arange(split.num_captions)).sum()
        return perplexity_of(float(total / split.lengths.sum()))


# e to this is below the greatest float32.
_MOST_LOG = 88.0


def perplexity_of(loss: float) -> float:
    """`exp(loss)`, or the greatest power of e that a float32 holds, which files and TensorBoard take."""
    return math.exp(min(loss, _MOST_LOG))


def caption_batch(split: Examples, sentences: np.ndarray) -> dict[str, np.ndarray]:
    """The captioner's inputs for sentences of a split: `image_features` float32 and `caption` int32."""
    features = split.features[input_names.IMAGE_FEATURES]
    return {
        input_names.IMAGE_FEATURES: features.take(split.image_of_caption[sentences]),
        input_names.CAPTION: split.padded(sentences),
    }
