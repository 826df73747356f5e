"""The order of training sentences: a function of (seed, epoch, step) that drops, doubles and pads little."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.config import TrainConfig
from cmr.data import order
from cmr.data.order import Schedule
from cmr.errors import ConfigError

BASE = TrainConfig(batch_size=20, seed=3)


def schedule_of(lengths, **changed):
    return Schedule(np.asarray(lengths), dataclasses.replace(BASE, **changed))


def some_lengths(count, seed=0):
    return np.random.default_rng(seed).integers(3, 25, count)


schedules = st.builds(
    lambda count, batch_size, seed: (some_lengths(count, seed), batch_size, seed),
    count=st.integers(12, 300),
    batch_size=st.integers(2, 12),
    seed=st.integers(0, 2**32 - 1),
)


@settings(max_examples=40, deadline=None)
@given(drawn=schedules, epoch=st.integers(0, 50))
def test_an_epoch_holds_each_sentence_at_most_once_and_leaves_out_less_than_a_batch(drawn, epoch):
    lengths, batch_size, seed = drawn

    rows = order.shuffled_batches(lengths, batch_size, seed, epoch, stream=0)

    assert rows.shape == (len(lengths) // batch_size, batch_size)
    assert len(np.unique(rows)) == rows.size
    assert rows.min() >= 0 and rows.max() < len(lengths)


@settings(max_examples=20, deadline=None)
@given(drawn=schedules, epoch=st.integers(0, 50))
def test_the_order_is_a_function_of_seed_and_epoch(drawn, epoch):
    lengths, batch_size, seed = drawn
    first, again = (schedule_of(lengths, batch_size=batch_size, seed=seed) for _ in range(2))

    for one, other in zip(first.epoch(epoch), again.epoch(epoch), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_epoch_or_seed_is_another_order():
    lengths = some_lengths(200)
    queries, _ = schedule_of(lengths).epoch(0)

    assert not np.array_equal(schedule_of(lengths).epoch(1)[0], queries)
    assert not np.array_equal(schedule_of(lengths, seed=4).epoch(0)[0], queries)


def test_the_sentences_left_out_change_from_epoch_to_epoch():
    schedule = schedule_of(some_lengths(39))

    seen = {frozenset(schedule.epoch(epoch)[0].ravel().tolist()) for epoch in range(10)}

    assert len(seen) == 10


def test_negatives_are_drawn_again_every_epoch_and_apart_from_the_queries():
    schedule = schedule_of(some_lengths(1000))
    first_queries, first = schedule.epoch(0)
    _, second = schedule.epoch(1)

    assert first.shape == first_queries.shape
    assert not np.array_equal(first, second)
    # A step's negatives meet its queries no more often than chance has it: 20 of 1,000, so 0.4 a step.
    common = [len(np.intersect1d(*step)) for step in zip(first_queries, first, strict=True)]
    assert np.mean(common) < 2


def test_the_queries_do_not_depend_on_the_number_of_negatives():
    lengths = some_lengths(200)

    few, _ = schedule_of(lengths, num_negatives=5).epoch(2)
    many, _ = schedule_of(lengths, num_negatives=50).epoch(2)

    np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("num_negatives", [5, 20, 55])
def test_each_step_brings_the_number_of_negatives_asked_for(num_negatives):
    schedule = schedule_of(some_lengths(200), num_negatives=num_negatives)

    _, negatives = schedule.epoch(0)

    assert negatives.shape == (schedule.steps_per_epoch, num_negatives)
    assert all(len(np.unique(step)) == num_negatives for step in negatives)


@pytest.mark.parametrize("kind", ["batch", "hardest"])
def test_negatives_of_the_batch_bring_no_further_sentences(kind):
    _, negatives = schedule_of(some_lengths(200), negatives=kind, num_negatives=7).epoch(0)

    assert negatives.shape == (10, 0)


def test_batches_of_similar_length_pad_little():
    lengths = some_lengths(4000)

    rows = order.shuffled_batches(lengths, 40, seed=0, epoch=0, stream=0)

    padded = lengths[rows].max(axis=1) * 40
    assert padded.sum() / lengths[rows].sum() < 1.05
    # Yet short and long batches follow each other in no order.
    assert abs(np.corrcoef(np.arange(len(rows)), lengths[rows].mean(axis=1))[0, 1]) < 0.3


@pytest.mark.parametrize("changed", [{"batch_size": 61}, {"batch_size": 10, "num_negatives": 61}])
def test_a_split_smaller_than_a_batch_is_refused_with_the_flag(changed):
    with pytest.raises(ConfigError, match="60 sentences, fewer than a batch's 61; lower --batch_size"):
        schedule_of(some_lengths(60), **changed)
