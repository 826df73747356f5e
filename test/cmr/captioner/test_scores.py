"""BLEU and CIDEr of captions, against the equations of their papers worked out plainly."""

import collections
import math

import numpy as np
import pytest

from cmr.captioner.scores import BLEU_NAMES, NAMES, score_captions, scores_table
from cmr.errors import ConfigError

pytest.importorskip("pycocoevalcap")

_REFERENCES = [
    ["A brown dog runs on the grass.", "The dog is running in a green field.", "Dog running"],
    ["Two children play at the beach.", "Kids are playing on the sand!"],
    ["A man rides a red bike down the road.", "A man on a red bike."],
]
_CAPTIONS = ["a dog runs in the green grass", "two kids playing on the beach", "a man on a bike"]


def _ngrams(sentence: str, n: int) -> collections.Counter:
    words = sentence.lower().replace(".", "").replace("!", "").split()
    return collections.Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _bleu(n: int) -> float:
    """The brevity penalty (closest reference) times the geometric mean of the clipped precisions up to n."""
    logs, length, closest = [], 0, 0
    for order in range(1, n + 1):
        hits = total = 0
        for caption, references in zip(_CAPTIONS, _REFERENCES, strict=True):
            counts = _ngrams(caption, order)
            most = collections.Counter()
            for reference in references:
                most |= _ngrams(reference, order)
            hits += sum((counts & most).values())
            total += sum(counts.values())
        logs.append(math.log(hits / total))
    for caption, references in zip(_CAPTIONS, _REFERENCES, strict=True):
        said = len(caption.split())
        length += said
        closest += min((abs(len(reference.split()) - said), len(reference.split())) for reference in references)[1]
    return min(1.0, math.exp(1 - closest / length)) * math.exp(sum(logs) / n)


def _cider_d(image: int) -> float:
    """10 / m sum_j 1/4 sum_n exp(-(l - l_j)^2 / (2 sigma^2)) min(g, g_j) . g_j / (|g| |g_j|), g the n-grams' tf-idf."""

    def vector(counts: collections.Counter, n: int) -> dict:
        weights = {}
        for ngram, count in counts.items():
            images = sum(any(ngram in _ngrams(text, n) for text in texts) for texts in _REFERENCES)
            weights[ngram] = count * (math.log(len(_REFERENCES)) - math.log(max(images, 1)))
        return weights

    def norm(values: dict) -> float:
        return math.sqrt(sum(value**2 for value in values.values()))

    caption, total = _CAPTIONS[image], 0.0
    for reference in _REFERENCES[image]:
        # The evaluation code takes the number of word pairs for the length, which leaves the difference as it is.
        gap = sum(_ngrams(caption, 2).values()) - sum(_ngrams(reference, 2).values())
        for n in range(1, 5):
            mine, theirs = vector(_ngrams(caption, n), n), vector(_ngrams(reference, n), n)
            product = sum(min(value, theirs.get(ngram, 0.0)) * theirs.get(ngram, 0.0) for ngram, value in mine.items())
            if norm(mine) and norm(theirs):
                total += math.exp(-(gap**2) / (2 * 6.0**2)) * product / (norm(mine) * norm(theirs)) / 4
    return 10 * total / len(_REFERENCES[image])


def test_bleu_is_clipped_precision_with_a_brevity_penalty():
    scores = score_captions(_CAPTIONS, _REFERENCES).scores

    for n in (1, 2, 3):
        assert scores[f"BLEU-{n}"] == pytest.approx(100 * _bleu(n), rel=1e-6)


def test_cider_is_cider_d():
    scored = score_captions(_CAPTIONS, _REFERENCES)

    expected = [100 * _cider_d(image) for image in range(3)]
    np.testing.assert_allclose(scored.cider_of_images, expected, rtol=1e-6)
    assert scored.scores["CIDEr"] == pytest.approx(np.mean(expected))


def test_what_somebody_wrote_is_perfect_however_it_is_punctuated():
    scores = score_captions([texts[0].upper() + " !" for texts in _REFERENCES], _REFERENCES).scores

    assert [round(scores[name], 3) for name in BLEU_NAMES] == [100, 100, 100, 100]


def test_an_empty_caption_scores_nothing():
    scored = score_captions(["", *_CAPTIONS[1:]], _REFERENCES)

    assert scored.cider_of_images[0] == 0


def test_the_table_shows_nics_numbers_where_they_were_published():
    scores = dict.fromkeys(NAMES, 12.345)

    table = scores_table(scores, "mscoco").splitlines()

    assert table[1].split() == ["captioner"] + ["12.3"] * 5
    assert table[2].split()[-2:] == ["27.7", "85.5"]
    assert len(scores_table(scores, "scenes").splitlines()) == 2


def test_without_the_scorers_the_mend_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ConfigError, match=r"pip install 'cmr\[captions\]'"):
        score_captions(_CAPTIONS, _REFERENCES)
