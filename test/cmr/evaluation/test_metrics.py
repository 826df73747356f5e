"""Retrieval metrics against the plainest float64 reference, closed forms and simulation."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import DataError
from cmr.evaluation import metrics
from cmr.evaluation.metrics import BothDirections, RetrievalMetrics


def reference_ranks(queries, candidates, is_correct):
    """One-based ranks by definition: every pair by itself, no shortcut."""
    ranks = []
    for q, query in enumerate(queries):
        similarities = [math.fsum(float(a) * float(b) for a, b in zip(query, c, strict=True)) for c in candidates]
        best = max(s for c, s in enumerate(similarities) if is_correct(q, c))
        ranks.append(1 + sum(s >= best for c, s in enumerate(similarities) if not is_correct(q, c)))
    return ranks


def reference(images, captions, image_of_caption):
    sentence = reference_ranks(images, captions, lambda image, caption: image_of_caption[caption] == image)
    image = reference_ranks(captions, images, lambda caption, image: image_of_caption[caption] == image)
    return sentence, image


def uneven_captions(num_images, seed):
    """1 to 7 captions an image, those of an image not side by side."""
    generator = np.random.default_rng(seed)
    rows = np.repeat(np.arange(num_images), generator.integers(1, 8, num_images))
    return generator.permutation(rows)


def unit(array):
    return (array / np.linalg.norm(array, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_ranks_equal_the_definition_on_random_embeddings_with_uneven_caption_counts(seed):
    generator = np.random.default_rng(seed)
    image_of_caption = uneven_captions(20, seed)
    images = unit(generator.normal(size=(20, 8)))
    captions = unit(images[image_of_caption] + generator.normal(size=(len(image_of_caption), 8)))

    sentence, image = reference(images, captions, image_of_caption)

    assert metrics.sentence_retrieval_ranks(images, captions, image_of_caption).tolist() == sentence
    assert metrics.image_retrieval_ranks(images, captions, image_of_caption).tolist() == image


@pytest.mark.parametrize("seed", range(4))
def test_ranks_equal_the_definition_where_many_similarities_tie(seed):
    generator = np.random.default_rng(seed)
    image_of_caption = uneven_captions(20, seed)
    images = generator.integers(-1, 2, (20, 3))
    captions = generator.integers(-1, 2, (len(image_of_caption), 3))

    sentence, image = reference(images, captions, image_of_caption)

    assert metrics.sentence_retrieval_ranks(images, captions, image_of_caption).tolist() == sentence
    assert metrics.image_retrieval_ranks(images, captions, image_of_caption).tolist() == image


def test_a_perfect_model_scores_600():
    images = np.eye(30, dtype=np.float32)
    image_of_caption = np.repeat(np.arange(30), 5)

    both = metrics.evaluate(images, images[image_of_caption], image_of_caption)

    assert both.sum_of_recalls == 600
    assert both.sentence_retrieval == RetrievalMetrics(100, 100, 100, 1, 1, 30)
    assert both.image_retrieval == RetrievalMetrics(100, 100, 100, 1, 1, 150)


def test_a_collapsed_model_scores_zero():
    # A direction whose products are not exact, and a size that gives BLAS edges: the tie must survive both.
    direction = unit(np.random.default_rng(0).normal(size=(1, 1023)))
    images, captions = np.repeat(direction, 203, axis=0), np.repeat(direction, 203 * 5, axis=0)
    image_of_caption = np.repeat(np.arange(203), 5)

    both = metrics.evaluate(images, captions, image_of_caption)

    assert both.sum_of_recalls == 0
    assert both.sentence_retrieval.median_rank == 1 + 202 * 5
    assert both.image_retrieval.median_rank == 203


def test_a_rank_counts_wrong_candidates_only():
    images = np.eye(2)
    captions = np.array([[0.9, 0], [0.8, 0], [0.95, 0], [0, 1]])
    image_of_caption = np.array([0, 0, 1, 1])

    assert metrics.sentence_retrieval_ranks(images, captions, image_of_caption).tolist() == [2, 1]


def test_nan_candidates_count_as_ahead():
    images = np.array([[1.0, 0], [np.nan, 0], [0, 1.0]])
    captions = np.array([[1.0, 0], [1.0, 0], [0, 1.0]])

    # Image 1 is NaN: ahead of the right image for captions 0 and 2, last for caption 1.
    assert metrics.image_retrieval_ranks(images, captions, np.arange(3)).tolist() == [2, 3, 2]


def test_a_nan_correct_candidate_ranks_last_unless_another_correct_one_is_a_number():
    images = np.eye(2)
    captions = np.array([[np.nan, 0], [np.nan, 0], [0, 1.0], [np.nan, 1.0], [0, 0.5]])
    image_of_caption = np.array([0, 0, 1, 1, 1])

    # Image 0: all its captions are NaN, so its three wrong ones stand ahead. Image 1: two NaN captions stand ahead.
    assert metrics.sentence_retrieval_ranks(images, captions, image_of_caption).tolist() == [4, 3]


def test_a_model_of_nan_scores_zero():
    both = metrics.evaluate(np.full((20, 3), np.nan), np.full((100, 3), np.nan), np.repeat(np.arange(20), 5))

    assert both.sum_of_recalls == 0


@pytest.mark.parametrize("block_size", [1, 2, 7, 64, 1000])
def test_the_block_size_never_changes_the_result(block_size):
    generator = np.random.default_rng(5)
    image_of_caption = uneven_captions(61, 5)
    images = unit(generator.normal(size=(61, 100)))
    # Many exact copies: ties between rows at different places of a block.
    captions = images[generator.integers(0, 61, len(image_of_caption))]
    whole = metrics.sentence_retrieval_ranks(images, captions, image_of_caption)
    whole_images = metrics.image_retrieval_ranks(images, captions, image_of_caption)

    assert np.array_equal(metrics.sentence_retrieval_ranks(images, captions, image_of_caption, block_size), whole)
    assert np.array_equal(metrics.image_retrieval_ranks(images, captions, image_of_caption, block_size), whole_images)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_metrics_do_not_depend_on_the_order_of_images_or_captions(seed, ties):
    generator = np.random.default_rng(seed)
    image_of_caption = uneven_captions(9, seed)
    draw = (lambda shape: generator.integers(-1, 2, shape)) if ties else (lambda shape: generator.normal(size=shape))
    images, captions = draw((9, 4)), draw((len(image_of_caption), 4))
    image_order = generator.permutation(9)
    caption_order = generator.permutation(len(image_of_caption))
    new_row = np.argsort(image_order)

    permuted = metrics.evaluate(images[image_order], captions[caption_order], new_row[image_of_caption[caption_order]])

    assert permuted == metrics.evaluate(images, captions, image_of_caption)


@pytest.mark.parametrize(
    ("ranks", "median"), [([1], 1), ([1, 2], 1), ([1, 3], 2), ([4, 5, 5, 9], 5), ([4, 4, 5, 9], 4), ([7, 1, 9], 7)]
)
def test_the_median_rank_is_vses_floor_of_the_zero_based_median_plus_one(ranks, median):
    ranks = np.array(ranks)

    assert RetrievalMetrics.from_ranks(ranks).median_rank == median
    assert median == int(np.floor(np.median(ranks - 1)) + 1)


def test_recalls_are_percents_and_the_mean_rank_is_one_based():
    ranks = RetrievalMetrics.from_ranks(np.array([1, 5, 6, 10, 11, 27]))

    assert ranks.recalls == pytest.approx((100 / 6, 200 / 6, 400 / 6))
    assert ranks.mean_rank == 10
    assert ranks.num_queries == 6


def test_the_dictionary_survives_json_and_comes_back_equal():
    generator = np.random.default_rng(0)
    both = metrics.evaluate(generator.normal(size=(7, 3)), generator.normal(size=(14, 3)), np.repeat(np.arange(7), 2))

    values = json.loads(json.dumps(both.to_dict()))

    assert BothDirections.from_dict(values) == both
    assert values["sum_of_recalls"] == pytest.approx(both.sum_of_recalls)


def test_random_ranking_of_the_papers_test_sets_is_the_exact_one():
    both = metrics.random_ranking([5] * 1000)

    assert [f"{recall:.2f}" for recall in both.sentence_retrieval.recalls] == ["0.10", "0.50", "1.00"]
    assert both.sentence_retrieval.median_rank == 647
    assert both.sentence_retrieval.mean_rank == pytest.approx(5001 / 6)
    assert both.image_retrieval.recalls == pytest.approx((0.1, 0.5, 1.0))
    assert both.image_retrieval.median_rank == 500
    assert both.image_retrieval.mean_rank == 500.5
    assert (both.sentence_retrieval.num_queries, both.image_retrieval.num_queries) == (1000, 5000)


def test_random_ranking_equals_the_hypergeometric_closed_form():
    counts = [1, 2, 7, 5, 5]
    total = sum(counts)

    sentence = metrics.random_ranking(counts).sentence_retrieval

    for k, recall in zip((1, 5, 10), sentence.recalls, strict=True):
        within = [1 - math.comb(total - m, k) / math.comb(total, k) for m in counts]
        assert recall == pytest.approx(100 * sum(within) / len(counts))
    assert sentence.mean_rank == pytest.approx(sum((total + 1) / (m + 1) for m in counts) / len(counts))


def test_random_ranking_equals_a_simulation_with_uneven_caption_counts():
    counts = np.array([1, 2, 7, 5, 5, 3, 3, 1])
    generator = np.random.default_rng(0)
    total, draws = counts.sum(), 4000
    ranks = np.concatenate(
        [generator.permuted(np.tile(np.arange(1, total + 1), (draws, 1)), axis=1)[:, :m].min(axis=1) for m in counts]
    )

    exact = metrics.random_ranking(counts).sentence_retrieval

    simulated = RetrievalMetrics.from_ranks(ranks)
    assert exact.recalls == pytest.approx(simulated.recalls, abs=1.5)
    assert exact.mean_rank == pytest.approx(simulated.mean_rank, abs=0.15)
    assert abs(exact.median_rank - simulated.median_rank) <= 1


def test_random_ranking_of_fewer_than_ten_candidates_is_certain_at_ten():
    assert metrics.random_ranking([1, 1]).sentence_retrieval.recalls == (50, 100, 100)


def test_top_k_returns_the_most_similar_first_and_of_equals_the_lower_index():
    candidates = np.array([[1.0], [3], [2], [3], [np.nan]])

    indices, similarities = metrics.top_k(np.array([[1.0], [-1.0]]), candidates, k=3)

    assert indices.tolist() == [[1, 3, 2], [0, 2, 1]]
    assert similarities.tolist() == [[3, 3, 2], [-1, -2, -3]]


def test_top_k_returns_every_candidate_where_there_are_fewer_than_k():
    indices, _ = metrics.top_k(np.eye(2), np.eye(2), k=5)

    assert indices.tolist() == [[0, 1], [1, 0]]


def test_top_k_does_not_depend_on_the_block_size():
    generator = np.random.default_rng(0)
    queries = unit(generator.normal(size=(37, 50)))
    candidates = unit(generator.normal(size=(10, 50)))[generator.integers(0, 10, 90)]

    small, large = (metrics.top_k(queries, candidates, 5, block_size) for block_size in (3, 100))

    assert np.array_equal(small[0], large[0])
    assert np.array_equal(small[1], large[1])


@pytest.mark.parametrize(
    ("images", "captions", "rows", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), [0, 1], "same dim"),
        (np.ones(3), np.ones((2, 3)), [0, 0], "same dim"),
        (np.ones((2, 3)), np.ones((2, 3)), [0, 1, 1], "one image row a caption"),
        (np.ones((2, 3)), np.ones((2, 3)), [0.0, 1.0], "integer rows"),
        (np.ones((2, 3)), np.ones((2, 3)), [0, 2], "beyond the 2 images"),
        (np.ones((2, 3)), np.ones((2, 3)), [0, -1], "beyond the 2 images"),
        (np.ones((2, 3)), np.ones((2, 3)), [1, 1], "no sentence, such as row 0"),
        (np.ones((0, 3)), np.ones((0, 3)), np.zeros(0, int), "the split is empty"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_with_the_reason(images, captions, rows, message):
    with pytest.raises(DataError, match=message):
        metrics.evaluate(images, captions, np.array(rows))


def test_random_ranking_refuses_an_image_without_a_sentence():
    with pytest.raises(DataError, match="one sentence of every image"):
        metrics.random_ranking([5, 0])


def test_the_mean_over_folds_is_the_mean_of_every_number_and_the_sum_of_queries():
    first, second = (
        BothDirections(RetrievalMetrics(10.0 * n, 20.0, 30.0, 4 + n, 5.0, 100), RetrievalMetrics(1, 2, 3, 4, 5, 6))
        for n in (1, 2)
    )

    mean = metrics.mean_over_folds([first, second])

    assert mean.sentence_retrieval == RetrievalMetrics(15.0, 20.0, 30.0, 5.5, 5.0, 200)
    assert mean.image_retrieval.num_queries == 12


def test_one_fold_is_its_own_mean():
    only = metrics.random_ranking([5] * 1000)

    assert metrics.mean_over_folds([only]) == only
