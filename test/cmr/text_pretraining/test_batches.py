"""Batches of pairs: both sentences, going on, and the parts of replicas."""

import numpy as np
import pytest
from plain_sentences import split_of

from cmr.config import TrainConfig
from cmr.text_pretraining import sentence_pairs
from cmr.text_pretraining.batches import pair_batches

CONFIG = TrainConfig(0.2, "sum", "batch", 0, 6, 0.1, 2.0, 2, 2, 2, 3)


def batches(sentences, *arguments):
    return [
        {name: value.numpy() for name, value in batch.items()}
        for batch in pair_batches(sentences, CONFIG, 1, *arguments)
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
