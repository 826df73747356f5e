"""Spectra of text spaces, against what is known of made ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.text_space import spectra


@given(st.integers(1, 50), st.floats(1e-3, 1e3))
def test_equal_directions_count_each_and_their_scale_does_not_matter(count, scale):
    assert spectra.effective_rank(np.full(count, scale)) == pytest.approx(count)
    assert spectra.effective_rank(np.append(np.full(count, scale), [0.0, 0.0])) == pytest.approx(count)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_the_effective_rank_lies_between_one_and_the_number_of_directions(spectrum):
    assert 1 - 1e-9 <= spectra.effective_rank(np.array(spectrum)) <= len(spectrum) + 1e-9


def test_variances_are_those_of_the_principal_directions():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(500, 4)) @ np.diag([3.0, 1.0, 0.1, 0.0]) + 5.0

    expected = np.square(np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False)) / 500
    assert spectra.variances(vectors) == pytest.approx(expected, abs=1e-9)
    assert spectra.share_of_largest(expected, 2) == pytest.approx(expected[:2].sum() / expected.sum())


def test_a_projection_gives_back_the_variance_of_what_it_keeps():
    random = np.random.default_rng(1)
    images = random.normal(size=(400, 6)) * [4.0, 3.0, 2.0, 1.0, 1.0, 1.0]
    kept = images[:, :2]

    # Least squares, written out.
    centred, texts = images - images.mean(axis=0), kept - kept.mean(axis=0)
    given_back = texts @ np.linalg.lstsq(texts, centred, rcond=None)[0]
    expected = np.square(given_back).sum() / np.square(centred).sum()
    assert spectra.variance_kept(images, kept) == pytest.approx(expected)
    # An invertible map loses nothing, whatever it does to lengths.
    assert spectra.variance_kept(images, images @ random.normal(size=(6, 6))) == pytest.approx(1.0)


def test_equalised_directions_have_variance_one_where_there_was_any():
    random = np.random.default_rng(2)
    made = random.normal(size=(300, 3)) @ np.array([[10.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0.01, 0]])
    train, other = spectra.equalised(made[:200], made[200:])

    assert train.shape == (200, 3)
    assert np.cov(train.T, bias=True) == pytest.approx(np.eye(3), abs=1e-3)
    # The other rows are turned and scaled alike: distances between the two are kept.
    again, _ = spectra.equalised(made[:200], made[:200])
    assert again == pytest.approx(train)
    assert spectra.equalised(made[:200], made[:1])[1] == pytest.approx(train[:1], abs=1e-4)
    assert other.shape == (100, 3)
