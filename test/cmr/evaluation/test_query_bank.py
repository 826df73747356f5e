"""The correction by a bank of queries: its equation, what it does to hubs, and what it may look at."""

import types

import numpy as np
import pytest
from hubs import unit, with_a_hub
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_split import SPLIT

from cmr.errors import ConfigError
from cmr.evaluation import encoding, metrics, query_bank, similarities
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.similarities import PairScores


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

    computed = query_bank.hubness(candidates, queries, [scale, 3.0])[0]

    np.testing.assert_allclose(computed, reference(candidates, queries, scale), atol=1e-5)


def test_no_scale_overflows():
    candidates = drawn(0).captions

    computed = query_bank.hubness(candidates, candidates, [1e5])[0]

    # Of the largest similarities alone, each one's with itself.
    np.testing.assert_allclose(computed, 1.0, atol=1e-3)


def test_equal_candidates_stay_equal_wherever_they_stand():
    one, queries = drawn(0).captions[:1], drawn(1).images
    candidates = np.repeat(one, 2 * metrics.BLOCK_SIZE + 1, axis=0)

    computed = query_bank.hubness(candidates, queries, query_bank.SCALES)

    assert computed.shape == (len(query_bank.SCALES), len(candidates))
    np.testing.assert_array_equal(computed, np.repeat(computed[:, :1], len(candidates), axis=1))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_one_product_has_the_ranks_of_both_directions(seed):
    said, bank = drawn(seed), drawn(seed + 1, images=20, captions=30)

    (corrected,) = query_bank.corrected(said, bank, [12.0])

    products = corrected.images @ corrected.captions.T
    cosines = said.images.astype(np.float64) @ said.captions.T
    of_sentences = cosines - reference(said.captions, bank.images, 12.0)
    of_images = cosines - reference(said.images, bank.captions, 12.0)[:, None]
    # For a query the other side's part is a constant.
    for image in range(12):
        np.testing.assert_allclose(np.ptp(products[image] - of_sentences[image]), 0, atol=1e-5)
    for caption in range(36):
        np.testing.assert_allclose(np.ptp(products[:, caption] - of_images[:, caption]), 0, atol=1e-5)


def test_a_hub_no_longer_wins_every_query():
    said, bank = with_a_hub(0), with_a_hub(1)
    assert np.count_nonzero((said.images @ said.captions.T).argmax(axis=0) == 0) > 18

    (corrected,) = query_bank.corrected(said, bank, [10.0])

    assert np.count_nonzero((corrected.images @ corrected.captions.T).argmax(axis=0) == 0) < 9
    before, after = (encoding.evaluate_embeddings(each, SPLIT)[0] for each in (said, corrected))
    assert after.sum_of_recalls > before.sum_of_recalls


def inputs(folds=3):
    return types.SimpleNamespace(split=lambda name: SPLIT, test_folds=folds)


def test_the_scale_is_the_best_on_validation_whatever_test_says():
    val, bank = with_a_hub(2), with_a_hub(3)

    corrected = query_bank.correct_splits({"val": val, "test": drawn(0, dim=32)}.get, inputs(), bank)

    of_scales = list(query_bank.corrected(val, bank, query_bank.SCALES))
    sums = [encoding.evaluate_embeddings(each, SPLIT)[0].sum_of_recalls for each in of_scales]
    assert len(set(sums)) > 1
    assert corrected.scale == query_bank.SCALES[sums.index(max(sums))]
    np.testing.assert_array_equal(corrected.val.images, of_scales[sums.index(max(sums))].images)


@pytest.mark.parametrize("folds", [1, 3])
def test_a_split_that_is_its_own_bank_looks_at_no_other_fold(folds):
    said = {"val": drawn(7), "test": drawn(4)}

    corrected = query_bank.correct_splits(said.__getitem__, inputs(folds), None)

    for images, captions in SPLIT.folds(folds):
        fold = Embeddings(said["test"].images[images], said["test"].captions[captions])
        (alone,) = query_bank.corrected(fold, fold, [corrected.scale])
        np.testing.assert_array_equal(corrected.test.images[images], alone.images)
        np.testing.assert_array_equal(corrected.test.captions[captions], alone.captions)
    assert "not to be compared" in corrected.note


@pytest.mark.parametrize("side", ["images", "captions"])
def test_with_a_bank_of_training_queries_no_test_query_changes_another_ones_scores(side):
    bank, said = drawn(6, 20, 50), drawn(8)
    changed = {name: getattr(said, name).copy() for name in ("images", "captions")}
    half = len(changed[side]) // 2
    changed[side][:half] = getattr(drawn(9), side)[:half]

    before, after = (
        query_bank.correct_splits({"val": drawn(7), "test": test}.get, inputs(), bank).test
        for test in (said, Embeddings(**changed))
    )

    assert not np.array_equal(getattr(before, side)[:half], getattr(after, side)[:half])
    np.testing.assert_array_equal(getattr(before, side)[half:], getattr(after, side)[half:])
    other = {"images": "captions", "captions": "images"}[side]
    np.testing.assert_array_equal(getattr(before, other), getattr(after, other))


def test_the_note_tells_the_bank():
    corrected = query_bank.correct_splits({"val": drawn(7), "test": drawn(8)}.get, inputs(), drawn(6, 20, 50))

    assert "20 images and 50 sentences of the training split" in corrected.note
    measured, _ = similarities.evaluate(corrected.test, SPLIT, 3)
    assert measured.image_retrieval.num_queries == 36


@pytest.mark.parametrize(("most", "images"), [(5, 5), (12, 12), (1000, 12)])
def test_a_bank_is_of_the_whole_split_or_of_its_first_images_with_their_sentences(monkeypatch, most, images):
    monkeypatch.setattr(query_bank, "MAX_IMAGES", most)

    bank = query_bank.bank_of(SPLIT)

    assert bank.image_ids == SPLIT.image_ids[:images]
    assert bank.captions == SPLIT.captions[: 3 * images]


def test_scores_of_pairs_are_refused():
    scores = PairScores((np.zeros((12, 36), np.float32),))

    with pytest.raises(ConfigError, match="leave the bank out"):
        query_bank.correct_splits(lambda split: scores, inputs(), None)
