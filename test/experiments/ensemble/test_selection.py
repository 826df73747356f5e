"""Ensembles: the mean of cosines, and members that the validation split chooses."""

import numpy as np
import pytest
from plain_split import IMAGE_OF_CAPTION, SPLIT

from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.similarities import PairScores
from experiments.ensemble import selection


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
    alone = {name: selection.measure([embedded], SPLIT).sum_of_recalls for name, embedded in candidates.items()}

    chosen = selection.select(candidates, SPLIT, 5)

    assert alone[chosen.members[0]] == max(alone.values()) == chosen.scores[0]
    assert len(chosen.members) > 1
    assert list(chosen.scores) == sorted(set(chosen.scores))


def test_a_copy_of_a_member_gains_nothing():
    chosen = selection.select({"b": noisy(0, 0.4), "a": noisy(0, 0.4)}, SPLIT, 5)

    assert chosen.members == ("a",)


@pytest.mark.parametrize("limit", [1, 2])
def test_there_are_no_more_members_than_asked_for(limit):
    candidates = {f"run{seed}": noisy(seed, 0.6) for seed in range(4)}

    assert len(selection.select(candidates, SPLIT, limit).members) <= limit


def test_the_order_of_the_candidates_does_not_matter():
    candidates = {f"run{seed}": noisy(seed, 0.5) for seed in range(4)}
    turned = dict(reversed(candidates.items()))

    assert selection.select(candidates, SPLIT, 4) == selection.select(turned, SPLIT, 4)


def scores_of(embeddings, scale=1.0, shift=0.0):
    return PairScores((scale * (embeddings.images @ embeddings.captions.T).astype(np.float32) + shift,))


def test_members_whose_score_is_no_cosine_are_added_in_units_of_their_spread():
    first, second = noisy(0, 0.4), noisy(1, 0.4)

    both = selection.mean([first, scores_of(second, scale=50.0, shift=-300.0)], SPLIT)

    (matrix,) = both.folds
    expected = sum(
        (m - m.mean()) / m.std() for m in (first.images @ first.captions.T, second.images @ second.captions.T)
    )
    np.testing.assert_allclose(matrix, expected / 2, atol=1e-4)


def test_the_scale_of_a_members_scores_changes_no_choice():
    plain = {f"run{seed}": scores_of(noisy(seed, 0.4)) for seed in range(3)}
    scaled = {name: PairScores((7 * each.folds[0] - 2,)) for name, each in plain.items()}

    assert selection.select(plain, SPLIT, 3).members == selection.select(scaled, SPLIT, 3).members
