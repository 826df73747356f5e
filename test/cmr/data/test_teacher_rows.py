"""What several teachers say together."""

import numpy as np
import pytest
import random_teachers

from cmr.data import teacher_rows


@pytest.mark.parametrize("dims", [(4,), (3, 5), (2, 2, 7)])
def test_a_dot_product_is_the_mean_of_the_teachers_cosines(scenes_inputs, dims):
    train = scenes_inputs.split("train")
    rows = random_teachers.rows_of(train, dims)
    images, captions = np.array([5, 0, 35, 5]), np.array([143, 7, 0])

    of_images, of_captions = rows.take(images, captions)

    cosines = [
        of_image[images].astype(np.float64) @ of_caption[captions].astype(np.float64).T
        for of_image, of_caption in zip(rows.images, rows.captions, strict=True)
    ]
    assert of_images.dtype == of_captions.dtype == np.float32
    assert of_images.shape == (4, rows.dim) == (4, sum(dims))
    np.testing.assert_allclose(of_images @ of_captions.T, np.mean(cosines, axis=0), atol=1e-6)


def test_unit_vectors_side_by_side_are_unit_vectors():
    random = np.random.default_rng(1)
    spaces = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in random.normal(size=(3, 6, 4))]

    joined = teacher_rows.side_by_side(spaces)

    np.testing.assert_allclose(np.linalg.norm(joined, axis=1), 1.0, rtol=1e-6)
