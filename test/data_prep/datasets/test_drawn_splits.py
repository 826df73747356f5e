"""Splits drawn from a seed: disjoint, complete, and the same again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr.errors import DataError
from data_prep.datasets import drawn_splits

some_images = st.lists(st.text("abc123", min_size=1), min_size=3, max_size=60, unique=True)
seeds = st.integers(0, 10)


@given(some_images, seeds, st.integers(3, 10))
def test_every_image_is_in_one_split(images, seed, share):
    splits = drawn_splits.draw_splits(images, seed, share)

    assert sorted(splits["train"] + splits["val"] + splits["test"]) == sorted(images)
    assert all(splits.values())


@given(some_images, seeds, st.randoms())
def test_the_order_of_the_images_decides_nothing_but_the_order_of_train(images, seed, random):
    shuffled = random.sample(images, len(images))

    first, second = drawn_splits.draw_splits(images, seed), drawn_splits.draw_splits(shuffled, seed)

    assert (first["val"], first["test"]) == (second["val"], second["test"])
    assert first["train"] == [image for image in images if image in second["train"]]


@given(some_images, st.integers(3, 10))
def test_val_and_test_are_a_share_each(images, share):
    splits = drawn_splits.draw_splits(images, 0, share)

    assert len(splits["val"]) == len(splits["test"]) == max(1, len(images) // share)


def test_val_and_test_have_a_thousand_images_at_most():
    splits = drawn_splits.draw_splits([str(number) for number in range(20_000)], seed=0)

    assert [len(splits[split]) for split in ("train", "val", "test")] == [18_000, 1_000, 1_000]


def test_another_seed_draws_others():
    images = [str(number) for number in range(100)]

    assert drawn_splits.draw_splits(images, 0)["test"] != drawn_splits.draw_splits(images, 1)["test"]


def test_two_images_are_refused():
    with pytest.raises(DataError, match="2 images can't be split"):
        drawn_splits.draw_splits(["a", "b"], 0)
