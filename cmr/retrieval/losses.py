"""What training minimises: the pairwise ranking loss (Eq. 6), or the contrastive cross entropy in its place."""

import math

import keras
from keras import ops

from cmr.config import DistillationConfig

# CLIP's: the similarities are multiplied by 1 / 0.07 at first and never by more than 100.
_FIRST_SCALE = 1 / 0.07
_LARGEST_SCALE = 100.0


@keras.saving.register_keras_serializable("cmr")
class PairwiseRankingLoss(keras.layers.Layer):
    """Hinge loss of both directions (Eq. 6), with `d = 1 - similarity`:

        sum_q sum_n max(0, margin + d(q, positive) - d(q, n))  =  sum_q sum_n max(0, margin - s(q, p) + s(q, n))

    over the image queries with negative captions and over the caption queries with negative images.

    Args:
      margin: in cosine distance.
      reduction: `sum` over the queries of the batch, or `mean` (the sum divided by their number).
      num_replicas: replicas that share a batch; `mean` divides by the number of queries of all of them.

    Reference: Eq. 6 of the paper; Kiros, Salakhutdinov, Zemel, "Unifying visual-semantic embeddings with multimodal
    neural language models", 2014, section 2.4.
    """

    def __init__(self, margin: float, reduction: str = "sum", num_replicas: int = 1, **kwargs):
        super().__init__(**kwargs)
        if reduction not in ("sum", "mean"):
            raise ValueError(f"reduction must be 'sum' or 'mean', not {reduction!r}")
        self.margin = margin
        self.reduction = reduction
        self.num_replicas = num_replicas

    def call(self, positives, negative_captions, negative_images, captions_mask, images_mask):
        """The loss of the queries given.

        Args:
          positives: `[num_queries]` float32, similarity of each image to its caption.
          negative_captions: `[num_queries, num_captions]` float32, similarities of the query images.
          negative_images: `[num_queries, num_images]` float32, similarities of the query captions.
          captions_mask: `[num_queries, num_captions]` bool, True where the caption is a negative of the query.
          images_mask: `[num_queries, num_images]` bool, likewise.

        Returns:
          A float32 scalar.
        """
        of_images = self._hinges(positives, negative_captions, captions_mask)
        of_captions = self._hinges(positives, negative_images, images_mask)
        loss = of_images + of_captions
        if self.reduction == "mean":
            num_queries = ops.cast(ops.shape(positives)[0] * self.num_replicas, loss.dtype)
            loss = loss / num_queries
        return loss

    def _hinges(self, positives, negatives, mask):
        hinges = ops.relu(self.margin - positives[:, None] + negatives)
        return ops.sum(ops.where(mask, hinges, 0.0))

    def get_config(self):
        own = {"margin": self.margin, "reduction": self.reduction, "num_replicas": self.num_replicas}
        return {**super().get_config(), **own}


def _capped(log_scale):
    return ops.minimum(log_scale, math.log(_LARGEST_SCALE))


@keras.saving.register_keras_serializable("cmr")
class ContrastiveLoss(keras.layers.Layer):
    """Cross entropy of picking the positive among the negatives, in both directions, with a learned scale `t`:

        sum_q -log( exp(t s(q, positive)) / (exp(t s(q, positive)) + sum_n exp(t s(q, n))) )

    over the image queries with negative captions and over the caption queries with negative images. The two directions
    are summed, as in Eq. 6, where CLIP takes their mean. The logarithm of `t` is a trainable weight of this layer.

    Where teachers say how similar they find the same queries and candidates, s', a candidate's target is no more 1 for
    the positive and 0 for a negative, and the sum is over the positive and the negatives c of a query (distillation):

        sum_q -sum_c p(c | q) log softmax_c(t s(q, c)),
        p(c | q) = (1 - w) [c is the positive] + w softmax_c(s'(q, c) / T)

    Args:
      reduction: `sum` over the queries of the batch, or `mean` (the sum divided by their number).
      num_replicas: replicas that share a batch; `mean` divides by the number of queries of all of them.
      distillation_weight: w, 0 to 1.
      distillation_temperature: T, above 0.

    Reference: Radford et al., "Learning transferable visual models from natural language supervision" (CLIP), 2021,
    sections 2.3 and 2.5; Zhang et al., "Contrastive learning of medical visual representations from paired images and
    text" (ConVIRT), 2020; Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", 2015, section 2, but
    for the student's temperature, which is the learned one.
    """

    def __init__(
        self,
        reduction: str = "sum",
        num_replicas: int = 1,
        distillation_weight: float = DistillationConfig.distillation_weight,
        distillation_temperature: float = DistillationConfig.distillation_temperature,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if reduction not in ("sum", "mean"):
            raise ValueError(f"reduction must be 'sum' or 'mean', not {reduction!r}")
        self.reduction = reduction
        self.num_replicas = num_replicas
        self.distillation_weight = distillation_weight
        self.distillation_temperature = distillation_temperature
        # Made here and not at the first call, which runs on a replica. All replicas cap the same value.
        self.log_scale = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(math.log(_FIRST_SCALE)),
            constraint=_capped,
            aggregation="only_first_replica",
            name="log_scale",
        )
        self.built = True

    def call(self, positives, negative_captions, negative_images, captions_mask, images_mask, of_teachers=None):
        """The loss of the queries given.

        Args:
          positives: as of `PairwiseRankingLoss.call`, and so the next four.
          negative_captions: likewise.
          negative_images: likewise.
          captions_mask: likewise.
          images_mask: likewise.
          of_teachers: what teachers say in the place of the first three; None without.

        Returns:
          A float32 scalar.
        """
        taught = (None, None)
        if of_teachers is not None:
            taught_positives, *taught_negatives = of_teachers
            taught = [(taught_positives, negatives) for negatives in taught_negatives]
        of_images = self._cross_entropies(positives, negative_captions, captions_mask, taught[0])
        of_captions = self._cross_entropies(positives, negative_images, images_mask, taught[1])
        loss = ops.sum(of_images + of_captions)
        if self.reduction == "mean":
            loss = loss / ops.cast(ops.shape(positives)[0] * self.num_replicas, loss.dtype)
        return loss

    def _cross_entropies(self, positives, negatives, mask, taught):
        """`[num_queries]` float32."""
        logits = _logits(positives, negatives, mask, ops.exp(self.log_scale))
        wanted = logits[:, 0]
        if taught:
            targets = ops.softmax(_logits(*taught, mask, 1 / self.distillation_temperature), axis=1)
            weight = self.distillation_weight
            wanted = (1 - weight) * wanted + weight * ops.sum(targets * logits, axis=1)
        return ops.logsumexp(logits, axis=1) - wanted

    def get_config(self):
        own = ("reduction", "num_replicas", "distillation_weight", "distillation_temperature")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def _logits(positives, negatives, mask, scale):
    """`[num_queries, 1 + num_candidates]`, the positive first."""
    # Any value whose exponential is nothing beside the positive's would do for what is no negative.
    return ops.concatenate([positives[:, None] * scale, ops.where(mask, negatives * scale, -1e30)], axis=1)
