"""Deep Fragment: cells of an image against bigrams of a sentence."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from cmr.comparators.fragments import FragmentSystem, ranking_loss
from cmr.comparators.settings.fragments import DeepFragmentSettings
from cmr.data.examples import Examples
from cmr.workspace.vocabulary import PAD_ID

_IS_MIL = "is_mil"


class DeepFragment(FragmentSystem):
    """Fragments of both sides, aligned one by one and ranked as wholes.

    A sentence's fragments are `s = relu(W_R [w1; w2] + b_R)` of its bigrams, the last one with the end word, where the
    paper's first choice are dependency relations (R, w1, w2); bigrams are an arm of it. Training minimises
    `weight C_F + C_G` (`fragment_objective`, `ranking_loss`).

    Reference: Karpathy, Joulin, Fei-Fei, "Deep fragment embeddings for bidirectional image sentence mapping", 2014.
    """

    settings: DeepFragmentSettings

    def sentence_fragments(self, words: keras.KerasTensor, vectors: keras.layers.Embedding) -> keras.KerasTensor:
        """`[batch, T]` words to `[batch, T - 1, dim]`."""
        embedded = vectors(words)
        bigrams = keras.ops.concatenate([embedded[:, :-1], embedded[:, 1:]], axis=2)
        bigrams = keras.layers.Dropout(self.settings.dropout)(bigrams)
        return keras.layers.Dense(self.settings.dim, "relu", name="bigrams")(bigrams)

    def fragment_mask(self, words: tf.Tensor) -> tf.Tensor:
        return words[:, 1:] != PAD_ID

    def pair_scores(self, products: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Mean of the positive products, sentences counted as `n` fragments longer, lest short ones be favoured:

        S_kl = sum_i sum_j max(0, v_i s_j) / (|g_k| (|g_l| + n))
        """
        present = tf.cast(mask, products.dtype)
        sums = tf.einsum("nrmt,mt->nm", tf.nn.relu(products), present)
        regions = tf.cast(tf.shape(products)[1], products.dtype)
        return sums / (regions * (tf.reduce_sum(present, axis=1) + self.settings.smoothing))

    def batches(self, train: Examples, epoch: int, first_step: int) -> Iterator[dict[str, np.ndarray]]:
        for batch in super().batches(train, epoch, first_step):
            yield {**batch, _IS_MIL: np.array(epoch >= self.settings.mil_epoch)}

    def loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        products, mask, same_image = self.products(batch)
        alignment = fragment_objective(products, mask, same_image, batch[_IS_MIL])
        ranking = ranking_loss(self.pair_scores(products, mask), same_image, self.settings.margin)
        return self.settings.fragment_weight * alignment + ranking


def fragment_objective(products: tf.Tensor, mask: tf.Tensor, same_image: tf.Tensor, is_mil: tf.Tensor) -> tf.Tensor:
    """Hinges that make fragments of one pair alike and of two pairs unlike, both kinds with the same weight:

        C_F = sum_i sum_j kappa_ij max(0, 1 - y_ij v_i s_j)

    kappa_ij is one over the number of `y` with the sign of `y_ij`. `y_ij` is -1 where i and j are of different images.
    Within an image it is 1; of multiple instances it is the sign of `v_i s_j`, and 1 for a sentence's fragment and the
    most alike of the image's where it is not positive for any (the minimum over y, of which one must be positive).

    Args:
      products: `[B, R, B, T]` float32.
      mask: `[B, T]` bool, which fragments the sentences have.
      same_image: `[B, B]` bool.
      is_mil: a bool: whether multiple instances are assumed.

    Returns:
      A scalar.
    """
    present = tf.broadcast_to(mask[None, None], tf.shape(products))
    positive = tf.broadcast_to(same_image[:, None, :, None], tf.shape(products))
    best = products >= tf.reduce_max(products, axis=1, keepdims=True)
    positive &= tf.logical_not(is_mil) | (products > 0) | best
    hinges = tf.nn.relu(1 - tf.where(positive, products, -products))
    return _mean_where(hinges, positive & present) + _mean_where(hinges, tf.logical_not(positive) & present)


def _mean_where(values: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    weights = tf.cast(chosen, values.dtype)
    return tf.reduce_sum(values * weights) / tf.maximum(tf.reduce_sum(weights), 1)
