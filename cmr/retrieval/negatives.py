"""Who is a negative of whom: the three kinds of `--negatives`, with accidental hits removed.

epoch     pairs drawn again every epoch from a second shuffle of the training set serve every query (the paper)
batch     every other pair of the batch (the VSE code)
hardest   of those the most similar one (VSE++: Faghri et al., 2018); with --warm_up_epochs not from the start
"""

from keras import ops


def different_image(query_images, candidate_images):
    """Removes accidental hits: a caption of the same image is never a negative, nor is the image itself.

    Args:
      query_images: `[num_queries]` int32, the image of each query.
      candidate_images: `[num_candidates]` int32.

    Returns:
      `[num_queries, num_candidates]` bool, True where the candidate is a negative of the query.
    """
    return query_images[:, None] != candidate_images[None, :]


def hardest(similarities, mask):
    """Keeps one negative a query: the most similar, the first of equals.

    Args:
      similarities: `[num_queries, num_candidates]` float32.
      mask: `[num_queries, num_candidates]` bool, the negatives.

    Returns:
      `[num_queries, num_candidates]` bool: `mask` with at most one True a row; none where `mask` had none.
    """
    # Any finite value below the least similarity would do; a dot product with an unnormalised image has no bound.
    masked = ops.where(mask, similarities, -1e30)
    best = ops.one_hot(ops.argmax(masked, axis=1), ops.shape(similarities)[1], dtype="bool")
    return ops.logical_and(mask, best)
