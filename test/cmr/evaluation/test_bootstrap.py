"""The bootstrap over test images, beside the plainest loops."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from cmr.errors import DataError
from cmr.evaluation import bootstrap
from cmr.evaluation.bootstrap import PairedDifference
from cmr.evaluation.query_ranks import QueryRanks

FEW = 60


def ranks_of(image_of_caption, random, highest=14):
    num_images = max(image_of_caption) + 1
    return QueryRanks(
        random.integers(1, highest, num_images),
        random.integers(1, highest, len(image_of_caption)),
        np.asarray(image_of_caption, np.int64),
    )


def layouts():
    counts = st.lists(st.integers(1, 4), min_size=1, max_size=9)
    return counts.map(lambda each: np.repeat(np.arange(len(each)), each))


def plain_numbers(ranks, images):
    """Both directions' metrics and the sum of recalls of a list of images, sentence by sentence."""
    sentence = [int(ranks.sentence_retrieval[image]) for image in images]
    captions = [c for image in images for c in range(len(ranks.image_of_caption)) if ranks.image_of_caption[c] == image]
    numbers, total = [], 0.0
    for direction in (sentence, [int(ranks.image_retrieval[caption]) for caption in captions]):
        recalls = [100.0 * sum(rank <= k for rank in direction) / len(direction) for k in (1, 5, 10)]
        median = math.floor(np.median([rank - 1 for rank in direction])) + 1
        numbers += [*recalls, median, sum(direction) / len(direction)]
        total += sum(recalls)
    return np.array([*numbers, total], np.float64)


def plain_resamples(rows, num_resamples, seed):
    """`[rows, num_resamples, 11]`: every row's mean over seeds, on the images that NumPy's generator draws."""
    num_images = len(rows[0][0].sentence_retrieval)
    generator = np.random.default_rng(seed)
    drawn = [generator.integers(num_images, size=num_images) for _ in range(num_resamples)]
    return np.array(
        [[np.mean([plain_numbers(ranks, images) for ranks in row], axis=0) for images in drawn] for row in rows]
    )


def paired_difference(first, second, **drawing):
    """Of two rows' ranks."""
    return bootstrap.paired_difference(bootstrap.resample(first, **drawing), bootstrap.resample(second, **drawing))


def flat(of_metrics, name):
    both = [*of_metrics.sentence_retrieval.values(), *of_metrics.image_retrieval.values(), of_metrics.sum_of_recalls]
    return np.array([getattr(value, name) for value in both])


@pytest.fixture
def rows():
    """Two rows of three and two seeds, on images with 1 to 4 sentences, whose rows don't stand together."""
    random = np.random.default_rng(5)
    layout = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 5, 0, 6])
    return [[ranks_of(layout, random) for _ in range(seeds)] for seeds in (3, 2)]


@hypothesis.given(layouts(), st.integers(1, 3), st.integers(0, 99), st.sampled_from([2, 14, 900]))
@hypothesis.settings(max_examples=15, deadline=None)
def test_intervals_are_those_of_the_plainest_loop(layout, seeds, draw, highest):
    row = [ranks_of(layout, np.random.default_rng(draw + n), highest) for n in range(seeds)]

    intervals = bootstrap.intervals(row, num_resamples=FEW, seed=draw, level=0.9)

    (resampled,) = plain_resamples([row], FEW, draw)
    np.testing.assert_allclose(flat(intervals, "low"), np.percentile(resampled, 5, axis=0), rtol=1e-12)
    np.testing.assert_allclose(flat(intervals, "high"), np.percentile(resampled, 95, axis=0), rtol=1e-12)


def test_a_difference_is_that_of_the_plainest_loop(rows):
    differences = paired_difference(*rows, num_resamples=FEW, seed=4)

    every_image = range(len(rows[0][0].sentence_retrieval))
    estimate = np.subtract(*[np.mean([plain_numbers(ranks, every_image) for ranks in row], axis=0) for row in rows])
    resampled = np.subtract(*plain_resamples(rows, FEW, 4))
    counts = [
        sum(abs(value - centre) >= abs(centre) - 1e-9 for value in column)
        for column, centre in zip(resampled.T, estimate, strict=True)
    ]
    np.testing.assert_allclose(flat(differences, "estimate"), estimate, atol=1e-12)
    np.testing.assert_allclose(flat(differences, "low"), np.percentile(resampled, 2.5, axis=0), atol=1e-12)
    np.testing.assert_allclose(flat(differences, "high"), np.percentile(resampled, 97.5, axis=0), atol=1e-12)
    np.testing.assert_array_equal(flat(differences, "p_value"), [(1 + count) / (1 + FEW) for count in counts])


def test_estimates_are_the_metrics_of_the_run(rows):
    ranks = rows[0][0]
    perfect = QueryRanks(
        *(np.ones_like(r) for r in (ranks.sentence_retrieval, ranks.image_retrieval)), ranks.image_of_caption
    )

    differences = paired_difference([ranks], [perfect], num_resamples=2)

    both = ranks.metrics()
    assert differences.sum_of_recalls.estimate == pytest.approx(both.sum_of_recalls - 600)
    for direction in ("sentence_retrieval", "image_retrieval"):
        measured = getattr(both, direction)
        estimates = {name: each.estimate for name, each in getattr(differences, direction).items()}
        assert estimates["recall_at_5"] == pytest.approx(measured.recall_at_5 - 100)
        assert estimates["median_rank"] == measured.median_rank - 1
        assert estimates["mean_rank"] == pytest.approx(measured.mean_rank - 1)


@hypothesis.given(layouts(), st.integers(0, 99))
@hypothesis.settings(max_examples=30, deadline=None)
def test_an_interval_holds_the_measured_recalls(layout, draw):
    ranks = ranks_of(layout, np.random.default_rng(draw))

    intervals = bootstrap.intervals([ranks], num_resamples=400)

    for direction in ("sentence_retrieval", "image_retrieval"):
        for name in ("recall_at_1", "recall_at_5", "recall_at_10"):
            interval = getattr(intervals, direction)[name]
            measured = getattr(getattr(ranks.metrics(), direction), name)
            assert interval.low - 1e-9 <= measured <= interval.high + 1e-9


def test_the_order_of_seeds_is_irrelevant(rows):
    row = rows[0]

    there, back = (bootstrap.intervals(each, num_resamples=FEW) for each in (row, row[::-1]))

    np.testing.assert_allclose(flat(there, "low"), flat(back, "low"), rtol=1e-12)
    np.testing.assert_allclose(flat(there, "high"), flat(back, "high"), rtol=1e-12)


def test_a_seed_given_twice_changes_nothing(rows):
    ranks = rows[0][0]

    assert bootstrap.intervals([ranks, ranks], num_resamples=FEW) == bootstrap.intervals([ranks], num_resamples=FEW)


def test_identical_rows_differ_by_nothing(rows):
    differences = paired_difference(rows[0], rows[0], num_resamples=FEW)

    for name in ("estimate", "low", "high"):
        assert not flat(differences, name).any()
    np.testing.assert_array_equal(flat(differences, "p_value"), 1.0)


def test_a_difference_turns_its_sign_with_the_order_of_rows(rows):
    there, back = (paired_difference(*order, num_resamples=FEW) for order in (rows, rows[::-1]))

    np.testing.assert_allclose(flat(there, "low"), -flat(back, "high"), atol=1e-12)
    np.testing.assert_array_equal(flat(there, "p_value"), flat(back, "p_value"))


def test_a_row_that_is_better_everywhere_has_the_smallest_p_value_and_never_zero():
    layout = np.repeat(np.arange(50), 5)
    good, bad = (QueryRanks(np.full(50, rank), np.full(250, rank), layout) for rank in (1, 20))

    differences = paired_difference([good], [bad], num_resamples=99)

    assert differences.sum_of_recalls == PairedDifference(600.0, 600.0, 600.0, 0.01)


def test_sentences_of_an_image_are_drawn_together():
    # One image has half of all sentences: drawn one by one, they would give a far narrower interval.
    layout = np.concatenate([np.zeros(50, np.int64), np.arange(1, 51)])
    ranks = QueryRanks(np.ones(51, np.int64), np.where(layout == 0, 1, 99), layout)

    interval = bootstrap.intervals([ranks]).image_retrieval["recall_at_1"]

    # The image is drawn zero times with probability (50/51)^51 = 0.36, three times with 0.06.
    assert interval.low == 0.0
    assert interval.high == pytest.approx(100 * 150 / (150 + 48))


def test_blocks_never_change_the_numbers(rows, monkeypatch):
    whole = paired_difference(*rows, num_resamples=FEW)

    monkeypatch.setattr(bootstrap, "_BLOCK_ELEMENTS", 7 * 14)

    assert paired_difference(*rows, num_resamples=FEW) == whole


def test_ninety_percent_intervals_hold_the_truth_nine_times_of_ten():
    random = np.random.default_rng(0)
    layout = np.arange(80)
    held = 0
    for _ in range(200):
        hits = np.where(random.random(80) < 0.4, 1, 99)
        interval = bootstrap.intervals([QueryRanks(hits, hits, layout)], num_resamples=300, level=0.9)
        bounds = interval.sentence_retrieval["recall_at_1"]
        held += bounds.low <= 40.0 <= bounds.high

    # Two standard deviations of 200 throws are 8; discreteness takes or gives a little.
    assert 168 <= held <= 192


@pytest.mark.parametrize("other", [[0, 0, 1, 2], [0, 1, 1, 2], [0, 0, 1, 1, 2]])
def test_ranks_of_other_images_or_sentences_are_refused(other):
    random = np.random.default_rng(0)
    mine, others = ranks_of([0, 0, 1], random), ranks_of(other, random)

    with pytest.raises(DataError, match="are of different test images"):
        paired_difference([mine], [others])
    with pytest.raises(DataError, match="are of different test images"):
        bootstrap.intervals([mine, others])


def test_a_row_without_runs_is_refused():
    with pytest.raises(DataError, match="no ranks to resample"):
        bootstrap.intervals([])


@pytest.mark.parametrize("other", [{"seed": 1}, {"num_resamples": 99}])
def test_rows_of_other_drawings_are_not_compared(rows, other):
    first, second = bootstrap.resample(rows[0], 100), bootstrap.resample(rows[1], **{"num_resamples": 100, **other})

    with pytest.raises(ValueError, match="on the same resamples alone"):
        bootstrap.paired_difference(first, second)
