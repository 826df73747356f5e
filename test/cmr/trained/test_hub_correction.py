"""What a search takes off: the equation, and that it is kept only where it helps on validation."""

import numpy as np
import pytest
from hubs import with_a_hub
from plain_split import IMAGE_OF_CAPTION, SPLIT

from cmr.evaluation.encoding import Embeddings
from cmr.trained import hub_correction
from cmr.trained.hub_correction import HubCorrection


def test_what_is_added_is_the_mean_less_what_a_picture_has_in_common_with_the_sentences():
    said = with_a_hub(0)
    products = said.images.astype(np.float64) @ said.captions.astype(np.float64).T

    added = HubCorrection(12.0, 0.25).of(said.images, hub_correction.bank_of(said.captions.astype(np.float16)))

    np.testing.assert_allclose(added, 0.25 - np.log(np.mean(np.exp(12 * products), axis=1)) / 12, atol=1e-3)
    assert added.argmin() == 0


def test_the_correction_chosen_finds_more_pictures_and_leaves_scores_where_cosines_are():
    val, sentences = with_a_hub(1), with_a_hub(2).captions

    correction = hub_correction.choose(val, SPLIT, sentences)

    added = correction.of(val.images, sentences)
    before, after = (hub_correction.image_retrieval(val, SPLIT, each) for each in (np.zeros_like(added), added))
    assert sum(after.recalls) > sum(before.recalls)
    assert abs(added.mean()) < 1e-6
    scores = val.images @ val.captions.T + added[:, None]
    assert after.recall_at_1 == 100 * np.mean(scores.argmax(axis=0) == IMAGE_OF_CAPTION)


def test_where_it_gains_nothing_there_is_none():
    pictures = np.eye(12, dtype=np.float32)

    assert hub_correction.choose(Embeddings(pictures, pictures[IMAGE_OF_CAPTION]), SPLIT, pictures) is None


@pytest.mark.parametrize(("count", "kept"), [(5, 5), (6_000, 6_000), (15_000, 6_000)])
def test_of_very_many_sentences_some_at_equal_distances_are_compared_with(count, kept):
    sentences = np.arange(count, dtype=np.float16)[:, None]

    bank = hub_correction.bank_of(sentences)

    assert (bank.shape, bank.dtype) == ((kept, 1), np.float32)
    assert (bank[0], bank[-1]) == (sentences[0], sentences[-1])
    assert len(np.unique(bank)) > 0.3 * kept


def test_no_picture_is_no_row():
    said = with_a_hub(3)

    assert HubCorrection(10.0, 0.0).of(said.images[:0], said.captions).shape == (0,)
