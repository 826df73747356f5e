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

    added = HubCorrection(scale=12.0, mean=0.25).of(said.images, said.captions.astype(np.float16))

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


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_sentences_may_be_kept_in_either_precision(dtype):
    said = with_a_hub(3)
    correction = HubCorrection(10.0, 0.0)

    np.testing.assert_allclose(
        correction.of(said.images, said.captions.astype(dtype)), correction.of(said.images, said.captions), atol=1e-3
    )
