"""Beam search against a search that leaves nothing out, over made-up models of a few words."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.captioner import beam_search
from cmr.captioner.beam_search import Found, SearchConfig, State, Step

_START, _END = 9, 0


class _Table:
    """A model whose next word depends on all words so far, by random tables of one image each.

    Its state is the image and the hypothesis so far, as a number: what a real model's state tells, this one's does.
    """

    def __init__(self, seed: int, num_words: int, max_words: int, num_images: int = 1, impossible: float = 0.0):
        random = np.random.default_rng(seed)
        self.num_words, self.num_images = num_words, num_images
        num_states = sum(num_words**length for length in range(max_words + 1))
        logits = 2 * random.normal(size=(num_images, num_states, num_words))
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        self.log_p = np.where(random.random(log_p.shape) < impossible, -np.inf, log_p)

    def start(self) -> State:
        return np.arange(self.num_images), np.zeros(self.num_images, np.int64)

    def step(self, state: State, words: np.ndarray) -> tuple[np.ndarray, State]:
        image, prefix = state
        assert len(words) == len(image)
        prefix = np.where(words == _START, 0, prefix * self.num_words + words + 1)
        return self.log_p[image, prefix], (image, prefix)

    def sentences(self, image: int, config: SearchConfig) -> list[Found]:
        """Every possible sentence, best score first, the one without words last."""
        everything = []
        for length in range(config.max_words + 1):
            for words in itertools.product(range(1, self.num_words), repeat=length):
                total, prefix = 0.0, 0
                for word in (*words, _END):
                    total += self.log_p[image, prefix, word]
                    prefix = prefix * self.num_words + word + 1
                if total > -math.inf:
                    everything.append(Found(words, total, total / (length + 1) ** config.length_factor))
        return sorted(everything, key=lambda one: (not one.words, -one.score))


def _search(table: _Table, config: SearchConfig) -> list[list[Found]]:
    return beam_search.beam_search(table.step, table.start(), _START, _END, config)


def _assert_same(sentences: list[Found], expected: list[Found]) -> None:
    assert [one.words for one in sentences] == [one.words for one in expected]
    np.testing.assert_allclose([one.log_probability for one in sentences], [one.log_probability for one in expected])
    np.testing.assert_allclose([one.score for one in sentences], [one.score for one in expected])


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    num_words=st.integers(2, 4),
    max_words=st.integers(1, 4),
    num_images=st.integers(1, 3),
    length_factor=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    impossible=st.sampled_from([0.0, 0.3]),
)
def test_a_width_that_drops_nothing_finds_what_exhaustive_search_finds(
    seed, num_words, max_words, num_images, length_factor, impossible
):
    table = _Table(seed, num_words, max_words, num_images, impossible)
    config = SearchConfig(num_words ** (max_words + 1), max_words, length_factor)

    sentences_of_images = _search(table, config)

    for image in range(num_images):
        _assert_same(sentences_of_images[image], table.sentences(image, config))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), max_words=st.integers(1, 4))
def test_a_width_of_one_takes_the_best_word_each_time_and_at_least_one(seed, max_words):
    table = _Table(seed, 4, max_words)

    sentences = _search(table, SearchConfig(1, max_words))[0]

    words, total, prefix = [], 0.0, 0
    while True:
        choice = table.log_p[0, prefix].copy()
        choice[_END] = choice[_END] if words else -np.inf
        word = _END if len(words) == max_words else int(np.argmax(choice))
        total += table.log_p[0, prefix, word]
        if word == _END:
            break
        words.append(word)
        prefix = prefix * 4 + word + 1
    _assert_same(sentences, [Found(tuple(words), total, total)])


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    width=st.integers(1, 6),
    max_words=st.integers(1, 4),
    length_factor=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
)
def test_whatever_the_width_sentences_are_real_distinct_and_sorted(seed, width, max_words, length_factor):
    table = _Table(seed, 4, max_words)
    config = SearchConfig(width, max_words, length_factor)

    sentences = _search(table, config)[0]

    real = {one.words: one for one in table.sentences(0, config)}
    assert 1 <= len(sentences) <= width
    assert len({one.words for one in sentences}) == len(sentences)
    scores = [one.score for one in sentences if one.words]
    assert scores == sorted(scores, reverse=True)
    assert all(one.words for one in sentences[:-1])
    _assert_same(sentences, [real[one.words] for one in sentences])


def _chain(*rows: list[float]) -> Step:
    """A model whose next word depends on the last one alone: a row of probabilities for each word, the start's last."""
    with np.errstate(divide="ignore"):
        log_p = np.log(np.array(rows))

    def step(state: State, words: np.ndarray) -> tuple[np.ndarray, State]:
        return log_p[np.where(words == _START, len(rows) - 1, words)], state

    return step


def test_without_normalisation_short_sentences_win_and_with_it_long_ones_can():
    # 1 has probability 0.9 * 0.4 = 0.36; 1 2 has 0.9 * 0.6 * 0.6 = 0.324, but of three words.
    step = _chain([1, 0, 0], [0.4, 0, 0.6], [0.6, 0.4, 0], [0.1, 0.9, 0])

    plain, normalised = (
        beam_search.beam_search(step, (np.zeros(1),), _START, _END, SearchConfig(3, 5, factor))[0][0]
        for factor in (0.0, 1.0)
    )

    assert plain.words == (1,)
    assert math.exp(plain.score) == pytest.approx(0.36)
    assert normalised.words == (1, 2)
    assert normalised.score == pytest.approx(math.log(0.324) / 3)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_caption_without_words_ranks_behind_every_other_however_probable(width):
    step = _chain([1, 0, 0], [0.9, 0, 0.1], [0.9, 0.1, 0], [0.98, 0.01, 0.01])

    best = beam_search.beam_search(step, (np.zeros(1),), _START, _END, SearchConfig(width, 5))[0][0]

    assert best.words == (1,)


def test_where_nothing_but_the_end_is_possible_the_caption_has_no_words():
    step = _chain([1, 0], [1, 0], [1, 0])

    assert beam_search.beam_search(step, (np.zeros(1),), _START, _END, SearchConfig(2, 5))[0][0].words == ()


def test_a_sentence_that_never_ends_by_itself_is_ended_at_max_words():
    step = _chain([1, 0], [1e-9, 1 - 1e-9], [0, 1])

    sentences = beam_search.beam_search(step, (np.zeros(1),), _START, _END, SearchConfig(1, 4))[0]

    assert [one.words for one in sentences] == [(1, 1, 1, 1)]


def test_the_best_candidate_is_never_dropped_for_a_sentence_that_ended():
    # Two ends rank above the beginning that leads to the best sentence of all: it goes on beside them.
    step = _chain([1, 0, 0], [0.9, 0.05, 0.05], [0.02, 0.49, 0.49], [0.1, 0.5, 0.4])

    sentences = beam_search.beam_search(step, (np.zeros(1),), _START, _END, SearchConfig(2, 3))[0]

    assert [one.words for one in sentences] == [(1,), (2, 1)]


def test_images_do_not_see_each_other():
    table = _Table(3, 4, 4, num_images=3)

    together = _search(table, SearchConfig(2, 4))

    for image in range(3):
        alone = beam_search.beam_search(
            table.step, tuple(part[image : image + 1] for part in table.start()), _START, _END, SearchConfig(2, 4)
        )[0]
        _assert_same(together[image], alone)


def test_no_image_has_no_sentence():
    assert beam_search.beam_search(_chain([1, 0], [1, 0]), (np.zeros(0),), _START, _END, SearchConfig()) == []


@pytest.mark.parametrize("wrong", [{"width": 0}, {"max_words": 0}, {"length_factor": -0.1}])
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match="must be at least"):
        SearchConfig(**wrong)
