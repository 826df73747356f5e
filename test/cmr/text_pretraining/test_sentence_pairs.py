"""Which sentences the text encoder learns from, and which are a pair."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.config import TrainConfig
from cmr.data import examples
from cmr.data.examples import Examples
from cmr.text_pretraining import sentence_pairs
from cmr.workspace.captions import COLUMNS
from cmr.workspace.vocabulary import Vocabulary


def table(*images):
    """A captions.csv: of each image its id, its split, and how many sentences it has."""
    rows = [
        (image_id, image_id, split, f"{image_id}#{n}", f"{image_id} is said in sentence {n}")
        for image_id, split, number in images
        for n in range(number)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


OWN = table(
    ("100_0123456789.jpg", "train", 5),
    ("200_0123456789.jpg", "val", 5),
    ("300_0123456789_b.jpg", "test", 5),
    ("own.png", "captioning", 2),
)


def test_a_photograph_that_is_measured_on_is_left_out_whatever_its_id():
    flickr30k = table(("100.jpg", "train", 5), ("200.jpg", "train", 5), ("300.jpg", "val", 5), ("400.jpg", "test", 4))

    gathered = sentence_pairs.gather(OWN, {"flickr30k": flickr30k})

    assert gathered.captions["image_id"].unique().tolist() == ["100_0123456789.jpg", "flickr30k/400.jpg"]
    assert gathered.left_out == 2
    assert set(gathered.captions["split"]) == {"train"}


def test_a_photograph_of_two_data_sets_is_taken_once():
    first, second = table(("7.jpg", "train", 2)), table(("7_0123456789.jpg", "train", 3), ("8.jpg", "val", 2))

    gathered = sentence_pairs.gather(OWN, {"first": first, "second": second})

    assert gathered.captions["image_id"].unique().tolist() == ["100_0123456789.jpg", "first/7.jpg", "second/8.jpg"]


def split_of(counts):
    """Sentences without features, so many of each image."""
    total = sum(counts)
    return Examples(
        image_ids=[f"{n}" for n in range(len(counts))],
        file_names=[],
        captions=[f"{n}" for n in range(total)],
        tokens=np.arange(3, 3 + 2 * total, dtype=np.int32),
        starts=2 * np.arange(total + 1),
        image_of_caption=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        features={},
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=30), st.integers(0, 100), st.integers(0, 5))
def test_a_pair_is_of_one_image_and_a_sentence_of_one_pair_at_most(counts, seed, epoch):
    sentences = split_of(counts)

    pairs = sentence_pairs.pairs_of_epoch(sentences, seed, epoch)

    assert pairs.shape == (sentence_pairs.num_pairs(sentences), 2)
    assert len(pairs) == sum(count // 2 for count in counts)
    of_image = sentences.image_of_caption[pairs]
    np.testing.assert_array_equal(of_image[:, 0], of_image[:, 1])
    assert len(np.unique(pairs)) == pairs.size


def test_every_epoch_and_every_seed_draws_other_pairs():
    sentences = split_of([5] * 20)

    drawn = {
        (seed, epoch): sentence_pairs.pairs_of_epoch(sentences, seed, epoch).tolist()
        for seed in (0, 1)
        for epoch in (0, 1)
    }

    assert sentence_pairs.pairs_of_epoch(sentences, 1, 1).tolist() == drawn[1, 1]
    assert len({str(pairs) for pairs in drawn.values()}) == 4
    # Over many epochs a sentence meets all the others of its image.
    met = {tuple(sorted(pair)) for epoch in range(60) for pair in sentence_pairs.pairs_of_epoch(sentences, 0, epoch)}
    assert len(met) == 20 * 10


CONFIG = TrainConfig(0.2, "sum", "batch", 0, 6, 0.1, 2.0, 2, 2, 2, 3)


def batches(sentences, *arguments):
    return [
        {name: value.numpy() for name, value in batch.items()}
        for batch in sentence_pairs.pair_batches(sentences, CONFIG, 1, *arguments)
    ]


def test_a_batch_holds_both_sentences_of_its_pairs():
    sentences = split_of([5, 4, 1, 3, 6, 2])

    whole = batches(sentences, 0, 1)

    assert len(whole) == sentence_pairs.num_pairs(sentences) // 6
    for batch in whole:
        for name in ("caption", "sentence"):
            # The first word of each sentence tells which it is.
            numbers = (batch[name][:, 0] - 3) // 2
            np.testing.assert_array_equal(sentences.image_of_caption[numbers], batch["image_row"])
        assert not np.any(batch["caption"][:, 0] == batch["sentence"][:, 0])


def test_a_training_that_goes_on_gets_the_batches_that_it_would_have_had():
    sentences = split_of([5] * 12)

    np.testing.assert_equal(batches(sentences, 2, 1), batches(sentences, 0, 1)[2:])


@pytest.mark.parametrize("workers", [1, 2])
def test_replicas_share_a_batch(workers):
    sentences = split_of([5] * 12)
    whole = batches(sentences, 0, 1)

    parts = [batches(sentences, 0, 2, worker, workers) for worker in range(workers)]

    of_first = parts[0][::2] if workers == 1 else parts[0]
    of_second = parts[0][1::2] if workers == 1 else parts[1]
    for batch, first, second in zip(whole, of_first, of_second, strict=True):
        np.testing.assert_array_equal(np.concatenate([first["image_row"], second["image_row"]]), batch["image_row"])


def test_sentences_of_other_data_sets_are_read_with_the_vocabulary_of_this_one():
    gathered = sentence_pairs.gather(OWN, {"other": table(("9.jpg", "train", 2))})
    vocabulary = Vocabulary.from_captions(["is said in sentence"])

    sentences = examples.split_examples(gathered.captions, "train", vocabulary, {})

    assert (sentences.num_images, sentences.num_captions) == (2, 7)
