"""CIDEr-D of single sentences: what the MSCOCO scorer gives for a whole split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.captioner.cider import Cider

_WORDS = st.sampled_from(["a", "dog", "cat", "runs", "sits", "on", "the", "red", "grass"])
_SENTENCES = st.lists(_WORDS, min_size=1, max_size=9)
_IMAGES = st.lists(st.tuples(st.lists(_WORDS, max_size=9), st.lists(_SENTENCES, min_size=1, max_size=4)), min_size=2)


@settings(max_examples=60, deadline=None)
@given(_IMAGES)
def test_it_is_what_the_mscoco_scorer_gives(images):
    scores = pytest.importorskip("cmr.captioner.scores")
    pytest.importorskip("pycocoevalcap")
    said = [caption for caption, _ in images]
    written = [references for _, references in images]

    cider = Cider(written)
    ours = [100 * cider.scores(image, [caption])[0] for image, caption in enumerate(said)]

    texts = [[" ".join(sentence) for sentence in references] for references in written]
    theirs = scores.score_captions([" ".join(caption) for caption in said], texts).cider_of_images
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_a_sentence_that_is_the_only_reference_has_ten():
    cider = Cider([[[1, 2, 3, 4, 5]], [[1, 7, 8, 9, 10]], [[11, 12]]])

    assert cider.scores(0, [[1, 2, 3, 4, 5]]) == pytest.approx([10.0])
    assert cider.scores(1, [[1, 2, 3, 4, 5]])[0] < 1.0


def test_words_of_every_image_and_no_words_are_worth_nothing():
    cider = Cider([[["a", "dog"]], [["a", "cat"]]])

    assert cider.scores(0, [["a"], [], ["unheard"]]) == [0.0, 0.0, 0.0]


def test_a_longer_sentence_is_worth_less_for_the_same_words():
    cider = Cider([[["red", "dog", "runs"]], [["blue", "cat", "sits"]]])

    short, long = cider.scores(0, [["red", "dog"], ["red", "dog", "red", "dog"]])

    assert short > long
