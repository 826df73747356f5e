"""The correction by a bank of queries: its equation, what it does to hubs, and what it may look at."""

import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_split import IMAGE_OF_CAPTION, SPLIT

from cmr.errors import ConfigError
from cmr.evaluation import encoding, query_bank, similarities
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.query_bank import Correction
from cmr.evaluation.similarities import PairScores


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def drawn(seed, images=12, captions=36, dim=6):
    random = np.random.default_rng(seed)
    return Embeddings(unit(random.normal(size=(images, dim))), unit(random.normal(size=(captions, dim))))


def reference(candidates, queries, scale):
    """h(c) in float64, as the equation says."""
    products = candidates.astype(np.float64) @ queries.astype(np.float64).T
    return np.log(np.mean(np.exp(scale * products), axis=1)) / scale


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 60), st.integers(1, 40))
def test_what_a_candidate_has_in_common_with_a_bank_is_the_equations(seed, scale, num_queries):
    candidates, queries = drawn(seed).captions, drawn(seed + 1, captions=num_queries).captions

    computed = query_bank.hubness(candidates, queries, scale)

    np.testing.assert_allclose(computed, reference(candidates, queries, scale), atol=1e-5)


def test_no_scale_overflows():
    candidates = drawn(0).captions

    computed = query_bank.hubness(candidates, candidates, 1e5)

    # Of the largest similarities alone, each one's with itself.
    np.testing.assert_allclose(computed, 1.0, atol=1e-3)


def test_blocks_of_candidates_are_as_the_whole():
    candidates, queries = drawn(0, captions=600).captions, drawn(1).images

    whole = query_bank.hubness(candidates, queries, 10.0)

    one_by_one = [query_bank.hubness(candidates[row : row + 1], queries, 10.0)[0] for row in range(600)]
    np.testing.assert_allclose(whole, one_by_one, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_one_product_has_the_ranks_of_both_directions(seed):
    said, bank = drawn(seed), drawn(seed + 1, images=20, captions=30)

    corrected = query_bank.corrected(said, bank, 12.0)

    products = corrected.images @ corrected.captions.T
    cosines = said.images.astype(np.float64) @ said.captions.T
    of_sentences = cosines - reference(said.captions, bank.images, 12.0)
    of_images = cosines - reference(said.images, bank.captions, 12.0)[:, None]
    # For a query the other side's part is a constant.
    for image in range(12):
        np.testing.assert_allclose(np.ptp(products[image] - of_sentences[image]), 0, atol=1e-5)
    for caption in range(36):
        np.testing.assert_allclose(np.ptp(products[:, caption] - of_images[:, caption]), 0, atol=1e-5)


def with_a_hub(seed=0):
    """Pairs that are near each other, and one image that is near every sentence."""
    random = np.random.default_rng(seed)
    common = np.ones(32) / np.sqrt(32)
    pictures = unit(random.normal(size=(12, 32)))
    captions = unit(pictures[IMAGE_OF_CAPTION] + 0.25 * random.normal(size=(36, 32)) + 2.5 * common)
    pictures = pictures.copy()
    pictures[0] = common
    return Embeddings(unit(pictures), captions)


def test_a_hub_no_longer_wins_every_query():
    said, bank = with_a_hub(0), with_a_hub(1)
    assert np.count_nonzero((said.images @ said.captions.T).argmax(axis=0) == 0) > 18

    corrected = query_bank.corrected(said, bank, 10.0)

    assert np.count_nonzero((corrected.images @ corrected.captions.T).argmax(axis=0) == 0) < 9
    before, after = (encoding.evaluate_embeddings(each, SPLIT)[0] for each in (said, corrected))
    assert after.sum_of_recalls > before.sum_of_recalls


def test_the_scale_is_the_best_on_validation():
    val, bank = with_a_hub(2), with_a_hub(3)

    chosen = query_bank.choose(val, SPLIT, bank)

    sums = {
        scale: encoding.evaluate_embeddings(Correction(bank, scale).of(val, SPLIT), SPLIT)[0].sum_of_recalls
        for scale in query_bank.SCALES
    }
    assert sums[chosen.scale] == max(sums.values())
    assert chosen.scale == min(scale for scale in sums if sums[scale] == max(sums.values()))


@pytest.mark.parametrize("folds", [1, 3])
def test_a_split_that_is_its_own_bank_looks_at_no_other_fold(folds):
    said = drawn(4)
    corrected = Correction(None, 8.0).of(said, SPLIT, folds)

    for images, captions in SPLIT.folds(folds):
        fold = Embeddings(said.images[images], said.captions[captions])
        alone = query_bank.corrected(fold, fold, 8.0)
        np.testing.assert_array_equal(corrected.images[images], alone.images)
        np.testing.assert_array_equal(corrected.captions[captions], alone.captions)


def test_of_very_many_queries_a_bank_has_always_the_same(monkeypatch):
    monkeypatch.setattr(query_bank, "MAX_QUERIES", 20)
    said = drawn(5)

    bank = query_bank.bank_of(said)

    assert bank.images is said.images
    assert len(bank.captions) == 20 == len(np.unique(bank.captions, axis=0))
    np.testing.assert_array_equal(bank.captions, query_bank.bank_of(said).captions)


def inputs():
    return types.SimpleNamespace(split=lambda name: SPLIT, test_folds=3)


def test_a_bank_of_training_queries_never_looks_at_a_test_query():
    said = {"train": drawn(6, 20, 50), "val": drawn(7), "test": drawn(8)}
    changed = Embeddings(said["test"].images, np.roll(said["test"].captions, 1, axis=0))

    of_both = [
        query_bank.correct_splits({**said, "test": test}.get, inputs(), "train") for test in (said["test"], changed)
    ]

    # A sentence's part depends on itself alone, wherever it stands.
    np.testing.assert_array_equal(np.roll(of_both[0].test.captions, 1, axis=0), of_both[1].test.captions)
    np.testing.assert_array_equal(of_both[0].test.images, of_both[1].test.images)
    assert "20 images and 50 sentences of the training split" in of_both[0].correction.note


def test_a_bank_of_the_test_queries_says_so_and_reads_no_training_split():
    said = {"val": drawn(7), "test": drawn(8)}

    corrected = query_bank.correct_splits(said.get, inputs(), "test")

    assert "not to be compared" in corrected.correction.note
    measured, _ = similarities.evaluate(corrected.test, SPLIT, 3)
    assert measured.image_retrieval.num_queries == 36


def test_scores_of_pairs_are_refused():
    scores = PairScores((np.zeros((12, 36), np.float32),))

    with pytest.raises(ConfigError, match="--query_bank"):
        query_bank.correct_splits(lambda split: scores, inputs(), "test")
