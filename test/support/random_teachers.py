"""What teachers could say of a split, drawn at random."""

import numpy as np

from cmr.data.examples import Examples
from cmr.data.teacher_rows import TeacherRows


def rows_of(split: Examples, dims: tuple[int, ...] = (3, 5)) -> TeacherRows:
    """Unit vectors of as many teachers as there are sizes, in float16 as they are kept."""
    random = np.random.default_rng(0)

    def unit(count: int, dim: int) -> np.ndarray:
        vectors = random.normal(size=(count, dim))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)

    return TeacherRows(
        [unit(split.num_images, dim) for dim in dims],
        [unit(split.num_captions, dim) for dim in dims],
    )
