"""What makes one vector of a sentence's states, where it is not the last of them alone."""

import keras
from keras import ops


def pooled(states, mask, pooling: str):
    """Pools the states behind each word.

    Args:
      states: `[batch, time, units]` float32.
      mask: `[batch, time]` bool, False where padded; a padded state counts for nothing.
      pooling: `mean`, or `attention`: the weights are the softmax of one learned linear score a state. The scores
        begin at 0, which is the mean.

    Returns:
      `[batch, units]` float32.

    Reference: attention as in Yang et al., "Hierarchical attention networks for document classification", 2016, section
    2.2, without the hidden layer: the states have gone through a tanh already.
    """
    if pooling == "mean":
        return keras.layers.GlobalAveragePooling1D(name="mean_state")(states, mask=mask)
    scores = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="attention_score")(states)
    weights = keras.layers.Softmax(axis=1, name="attention")(scores, mask=mask[:, :, None])
    return ops.sum(weights * states, axis=1)
