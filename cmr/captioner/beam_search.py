"""Beam search for the most probable sentences, over any function that says how probable the next words are.

A width of 1 without length normalisation is the greedy choice of each word; with a width that drops nothing the search
is exhaustive.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

# Arrays with one row a hypothesis.
State = tuple[np.ndarray, ...]
# State and the last words `[rows]` int to the next words' log probabilities `[rows, num_words]` and the new state.
Step = Callable[[State, np.ndarray], tuple[np.ndarray, State]]


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """How to search.

    Attributes:
      width: hypotheses kept of an image at each length.
      max_words: words of a sentence at most, its end word not counted; a sentence that long is ended there.
      length_factor: a sentence is scored by `log p / n^length_factor` with n its words, the end word counted. 0 scores
        by probability alone, which favours short sentences.

    Raises:
      ValueError: a value that can't work.
    """

    width: int = 3
    max_words: int = 20
    length_factor: float = 0.0

    def __post_init__(self):
        if self.width < 1 or self.max_words < 1 or self.length_factor < 0:
            raise ValueError(f"width and max_words must be at least 1 and length_factor at least 0, not {self}")

    def score(self, log_probability: float, num_words: int) -> float:
        """The score of a sentence of `num_words` words, its end word counted."""
        return log_probability / num_words**self.length_factor


@dataclasses.dataclass(frozen=True)
class Found:
    """A whole sentence.

    Attributes:
      words: ids without the end word.
      log_probability: of the sentence with its end word.
      score: what the search ranked it by.
    """

    words: tuple[int, ...]
    log_probability: float
    score: float


@dataclasses.dataclass(frozen=True)
class _Hypothesis:
    """The beginning of a sentence; `row` is its state's row."""

    words: tuple[int, ...]
    log_probability: float
    row: int


def beam_search(step: Step, state: State, start_id: int, end_id: int, config: SearchConfig) -> list[list[Found]]:
    """Searches for the best sentences of several images at once.

    At each length all extensions of an image's hypotheses are ranked by probability. One that ends a sentence is kept
    if it is among the best `width` extensions; the best `width` that do not end one go on, so that ended sentences take
    no place from beginnings. A beginning is given up when, however it went on, it could no longer be among the best
    `width` sentences. A sentence without words says nothing, so it ranks behind every other, however probable.

    Args:
      step: the model; called with the hypotheses of all images as rows.
      state: the state of each image before its first word, one row an image.
      start_id: word that `step` is given first.
      end_id: word that ends a sentence.
      config: width, length and normalisation.

    Returns:
      For each image at most `width` sentences, best score first but for the one without words, which comes last.
      Impossible sentences (log probability minus infinity) are left out.
    """
    num_images = len(state[0])
    ended_sentences: list[list[Found]] = [[] for _ in range(num_images)]
    live = [[_Hypothesis((), 0.0, row)] for row in range(num_images)]
    for length in range(config.max_words + 1):
        last_words = [beam.words[-1] if beam.words else start_id for beams in live for beam in beams]
        if not last_words:
            break
        log_probabilities, state = step(state, np.array(last_words))
        first_row = 0
        for image, beams in enumerate(live):
            if not beams:
                continue
            rows = np.asarray(log_probabilities[first_row : first_row + len(beams)], np.float64)
            first_row += len(beams)
            totals = rows + np.array([beam.log_probability for beam in beams])[:, None]
            if length == config.max_words:
                ended, live[image] = _end_all(beams, totals, end_id, config), []
            else:
                ended, live[image] = _extend(beams, totals, end_id, config)
            ended_sentences[image] = _ranked(ended_sentences[image] + ended)[: config.width]
            live[image] = _still_hopeful(live[image], ended_sentences[image], config)
        state, live = _select(state, live)
    return ended_sentences


def _extend(
    beams: list[_Hypothesis], totals: np.ndarray, end_id: int, config: SearchConfig
) -> tuple[list[Found], list[_Hypothesis]]:
    """The ended sentences and the beginnings that one more word makes of an image's hypotheses.

    Args:
      beams: the hypotheses, of one length.
      totals: `[len(beams), num_words]` float64, log probability of each extension.
      end_id: word that ends a sentence.
      config: the search's settings.
    """
    ended, going_on = [], []
    # No more than one extension of each hypothesis ends a sentence, so this many hold `width` others.
    for rank, (beam, word) in enumerate(_best(totals, config.width + len(beams))):
        total = float(totals[beam, word])
        words = beams[beam].words
        if total == -np.inf:
            break
        if word != end_id:
            going_on.append(_Hypothesis((*words, int(word)), total, beams[beam].row))
        elif rank < config.width:
            ended.append(Found(words, total, config.score(total, len(words) + 1)))
    return ended, going_on[: config.width]


def _end_all(beams: list[_Hypothesis], totals: np.ndarray, end_id: int, config: SearchConfig) -> list[Found]:
    ends = [(beam.words, float(total)) for beam, total in zip(beams, totals[:, end_id], strict=True)]
    return [Found(words, end, config.score(end, len(words) + 1)) for words, end in ends if end > -np.inf]


def _best(totals: np.ndarray, count: int) -> np.ndarray:
    """Row and column of the largest values: `[count, 2]` int64, largest first."""
    flat = totals.ravel()
    count = min(count, len(flat))
    largest = np.sort(np.argpartition(-flat, count - 1)[:count])
    largest = largest[np.argsort(-flat[largest], kind="stable")]
    return np.stack(np.unravel_index(largest, totals.shape), axis=1)


def _ranked(ended: list[Found]) -> list[Found]:
    return sorted(ended, key=lambda one: (not one.words, -one.score))


def _still_hopeful(beams: list[_Hypothesis], kept: list[Found], config: SearchConfig) -> list[_Hypothesis]:
    if len(kept) < config.width or not kept[-1].words:
        return beams
    # Log probabilities only fall, and no sentence is divided by more than the longest one's length.
    longest = config.max_words + 1
    return [beam for beam in beams if config.score(beam.log_probability, longest) > kept[-1].score]


def _select(state: State, live: list[list[_Hypothesis]]) -> tuple[State, list[list[_Hypothesis]]]:
    """The state's rows of the live hypotheses, in their order."""
    rows = np.array([beam.row for beams in live for beam in beams], np.int64)
    numbers = iter(range(len(rows)))
    renumbered = [[dataclasses.replace(beam, row=next(numbers)) for beam in beams] for beams in live]
    return tuple(np.asarray(part)[rows] for part in state), renumbered
