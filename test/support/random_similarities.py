"""Arguments of the losses, drawn from a seed."""

import numpy as np


def similarities(seed, queries=4, captions=5, images=3):
    """Positives, negative captions, negative images, and the masks of both."""
    random = np.random.default_rng(seed)
    shapes = [(queries,), (queries, captions), (queries, images)]
    floats = [random.uniform(-1, 1, size=shape).astype(np.float32) for shape in shapes]
    masks = [random.random(shape) < 0.7 for shape in shapes[1:]]
    return *floats, *masks
