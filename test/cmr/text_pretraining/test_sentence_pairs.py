"""Which sentences are a pair."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_sentences import split_of

from cmr.text_pretraining import sentence_pairs


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
