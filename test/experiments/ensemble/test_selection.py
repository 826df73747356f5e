"""Ensembles: the mean of cosines, and members that the validation split chooses."""

import numpy as np
import pytest

from cmr.evaluation.encoding import Embeddings
from experiments.ensemble import selection

IMAGE_OF_CAPTION = np.repeat(np.arange(12), 3)


def unit(random, *shape):
    vectors = random.normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def noisy(seed, noise, dim=8):
    """Embeddings that agree up to noise, each in a space of its own."""
    random = np.random.default_rng(seed)
    images = np.eye(12, dim + 4)[:, :dim] + noise * random.normal(size=(12, dim))
    captions = np.eye(12, dim + 4)[IMAGE_OF_CAPTION, :dim] + noise * random.normal(size=(36, dim))
    return Embeddings(*(v / np.linalg.norm(v, axis=1, keepdims=True) for v in (images, captions)))


def test_the_cosine_is_the_mean_of_the_members_cosines():
    random = np.random.default_rng(0)
    members = [Embeddings(unit(random, 4, dim), unit(random, 7, dim)) for dim in (3, 5, 2)]

    both = selection.mean_cosine(members)

    expected = np.mean([member.images @ member.captions.T for member in members], axis=0)
    np.testing.assert_allclose(both.images @ both.captions.T, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(both.images, axis=1), 1, rtol=1e-6)


def test_the_best_run_comes_first_and_every_member_gains():
    candidates = {f"run{seed}": noisy(seed, 0.35 + 0.05 * seed) for seed in range(5)}
    alone = {
        name: selection.ranks([embedded], IMAGE_OF_CAPTION).metrics().sum_of_recalls
        for name, embedded in candidates.items()
    }

    chosen = selection.select(candidates, IMAGE_OF_CAPTION, 5)

    assert alone[chosen.members[0]] == max(alone.values()) == chosen.scores[0]
    assert len(chosen.members) > 1
    assert list(chosen.scores) == sorted(set(chosen.scores))


def test_a_copy_of_a_member_gains_nothing():
    chosen = selection.select({"b": noisy(0, 0.4), "a": noisy(0, 0.4)}, IMAGE_OF_CAPTION, 5)

    assert chosen.members == ("a",)


@pytest.mark.parametrize("limit", [1, 2])
def test_there_are_no_more_members_than_asked_for(limit):
    candidates = {f"run{seed}": noisy(seed, 0.6) for seed in range(4)}

    assert len(selection.select(candidates, IMAGE_OF_CAPTION, limit).members) <= limit


def test_the_order_of_the_candidates_does_not_matter():
    candidates = {f"run{seed}": noisy(seed, 0.5) for seed in range(4)}
    turned = dict(reversed(candidates.items()))

    assert selection.select(candidates, IMAGE_OF_CAPTION, 4) == selection.select(turned, IMAGE_OF_CAPTION, 4)
