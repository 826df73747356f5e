"""Sentences to word ids inside a TensorFlow graph: `Vocabulary.encode` without Python.

TensorFlow has neither Unicode's normal forms nor Python's classes of characters, so both are taken from Python as
tables. A composed and a decomposed text are alike in their decomposed form (NFD) as in the composed one, and that form
is a table and a sort, so words are compared in it.
"""

import functools
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from cmr.workspace.vocabulary import END_ID, PAD_ID, UNK_ID, Vocabulary

# What a character can be in a word, and for the small sigma, which has another form at a word's end.
_OTHER, _LETTER, _MARK, _JOINER, _APOSTROPHE = range(5)
_UNCASED, _CASED, _IGNORED = range(3)

_CAPITAL_SIGMA, _LAST_SIGMA = 0x3A3, 0x3C2
_MISSING = -1


class WordIds(tf.Module):
    """The ids of sentences' words, as `Vocabulary.encode` gives them.

    Args:
      vocabulary: the words.
    """

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        ids = vocabulary.ids
        # Words of a sentence are composed; others of the vocabulary are met only as pieces.
        self._words = _table({_nfd(word): ids[word] for word in ids if unicodedata.is_normalized("NFC", word)})
        self._pieces = None if vocabulary.has_marks else _table(ids)
        self._kinds = _Ranges(_kind)
        self._cases = _Ranges(_case)
        self._orders = _Ranges(unicodedata.combining)
        self._lowered = _Replacements(_lowered)

    def __call__(self, sentences: tf.Tensor) -> tf.Tensor:
        """Encodes.

        Args:
          sentences: `[num_sentences]` strings in UTF-8.

        Returns:
          `[num_sentences, longest]` int32, each closed by `<end>`, padded with 0 on the right.
        """
        characters, sentence = self._characters(sentences)
        kinds = self._kinds(characters)
        is_letter = kinds == _LETTER
        in_word = _in_words(kinds, is_letter)
        words, word = _runs(characters, in_word)
        ids = self._words.lookup(words)
        if self._pieces is None:
            starts = tf.gather(sentence, _starts(in_word))
        else:
            ids, starts = self._with_pieces(ids, word, characters, sentence, kinds, is_letter)
        ids = tf.where(ids == _MISSING, UNK_ID, ids)
        count = tf.size(sentences)
        of_sentence = tf.RaggedTensor.from_value_rowids(ids, starts, tf.cast(count, tf.int64))
        return tf.concat([of_sentence, tf.fill([count, 1], END_ID)], axis=1).to_tensor(PAD_ID)

    def _characters(self, sentences: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """All sentences' characters in lower case and decomposed, a space before and behind each, and whose they are.

        Returns:
          `[num_characters]` int32, and `[num_characters]` int64.
        """
        decoded = tf.strings.unicode_decode(tf.strings.join([" ", sentences, " "]), "UTF-8")
        codes, sentence = decoded.values, decoded.value_rowids()
        lowered, origin = self._lowered(codes)
        is_last = tf.gather(self._is_last_sigma(codes), origin)
        lowered, sentence = tf.where(is_last, _LAST_SIGMA, lowered), tf.gather(sentence, origin)
        # Marks behind one letter stand in the order of their classes.
        orders = tf.cast(self._orders(lowered), tf.int64)
        group = tf.cumsum(tf.cast(orders == 0, tf.int64))
        return tf.gather(lowered, tf.argsort(256 * group + orders, stable=True)), sentence

    def _is_last_sigma(self, codes: tf.Tensor) -> tf.Tensor:
        """Where a capital sigma ends a word: behind a letter that has cases, and before none."""
        cases = self._cases(codes)
        is_cased, counts = cases == _CASED, cases != _IGNORED
        # The first and the last character are spaces.
        before = tf.gather(is_cased, _last_at_or_before(counts)[1:-2])
        behind = tf.gather(is_cased, _first_at_or_behind(counts)[2:-1])
        return (codes == _CAPITAL_SIGMA) & tf.pad(before & ~behind, [[1, 1]])

    def _with_pieces(self, ids, word, characters, sentence, kinds, is_letter) -> tuple[tf.Tensor, tf.Tensor]:
        """Puts the pieces of unknown words in their place, where the vocabulary has them all.

        Returns:
          `[num_ids]` int32 and `[num_ids]` int64, the sentence of each.
        """
        in_piece = is_letter | ((kinds == _APOSTROPHE) & _before(is_letter) & _behind(is_letter))
        pieces, _ = _runs(characters, in_piece)
        starts = _starts(in_piece)
        of_word = tf.gather(word, starts)
        piece_ids, num_words = self._pieces.lookup(pieces), tf.size(ids)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(of_word), of_word, num_words)
        known = tf.math.unsorted_segment_min(piece_ids, of_word, num_words) != _MISSING
        is_cut = tf.gather((ids == _MISSING) & (counts > 1) & known, of_word)
        is_first = tf.not_equal(of_word, tf.concat([[_MISSING], of_word[:-1]], axis=0))
        kept = is_cut | is_first
        ids = tf.where(is_cut, piece_ids, tf.gather(ids, of_word))
        return ids[kept], tf.gather(sentence, starts)[kept]


class _Ranges(tf.Module):
    """A small whole number of every character, looked up among ranges of equal ones."""

    def __init__(self, value: Callable[[str], int]):
        super().__init__()
        values = np.zeros(sys.maxunicode + 1, np.int32)
        for character in _assigned():
            values[ord(character)] = value(character)
        starts = np.flatnonzero(np.diff(values, prepend=values[0] - 1))
        self._starts, self._values = starts.astype(np.int32), values[starts]

    def __call__(self, codes: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._values, tf.searchsorted(self._starts, codes, side="right") - 1)


class _Replacements(tf.Module):
    """Characters, each replaced by others; most by themselves."""

    def __init__(self, replaced: Callable[[str], str]):
        super().__init__()
        changed = [(ord(old), new) for old in _assigned() if (new := replaced(old)) != old]
        self._codes = np.array([code for code, _ in changed], np.int32)
        self._lengths = np.array([len(new) for _, new in changed], np.int32)
        self._starts = np.cumsum(self._lengths, dtype=np.int32) - self._lengths
        self._new = np.array([ord(character) for _, new in changed for character in new], np.int32)

    def __call__(self, codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Replaces.

        Args:
          codes: `[before]` int32.

        Returns:
          `[behind]` int32, and `[behind]` int32, the place that each was at before.
        """
        place = tf.minimum(tf.searchsorted(self._codes, codes), len(self._codes) - 1)
        is_changed = tf.gather(self._codes, place) == codes
        lengths = tf.where(is_changed, tf.gather(self._lengths, place), 1)
        origin = tf.repeat(tf.range(tf.size(codes)), lengths)
        within = tf.range(tf.size(origin)) - tf.gather(tf.cumsum(lengths, exclusive=True), origin)
        new = tf.gather(self._starts, tf.gather(place, origin)) + within
        new = tf.gather(self._new, tf.where(tf.gather(is_changed, origin), new, 0))
        return tf.where(tf.gather(is_changed, origin), new, tf.gather(codes, origin)), origin


@functools.cache
def _assigned() -> Sequence[str]:
    """The characters of Python's version of Unicode."""
    characters = map(chr, range(sys.maxunicode + 1))
    return [character for character in characters if unicodedata.category(character) not in ("Cn", "Co", "Cs")]


def _in_words(kinds: tf.Tensor, is_letter: tf.Tensor) -> tf.Tensor:
    """Which characters are of a word: see `vocabulary.tokenize`.

    A run is of letters, marks and joiners, from its first letter on and without joiners at its end; an apostrophe
    between a run and a letter joins two runs.
    """
    is_joiner = kinds == _JOINER
    may_stand = is_letter | (kinds == _MARK) | is_joiner
    has_begun = _last_at_or_before(is_letter)[1:] > _last_at_or_before(~may_stand)[1:]
    # The last character is a space, so that there is always one that is no joiner.
    goes_on = tf.gather(may_stand, _first_at_or_behind(~is_joiner)[:-1])
    in_run = may_stand & has_begun & (~is_joiner | goes_on)
    return in_run | ((kinds == _APOSTROPHE) & _before(in_run) & _behind(is_letter))


def _last_at_or_before(mask: tf.Tensor) -> tf.Tensor:
    """`[n]` bool to `[n + 1]`: for each place, behind one for "before the first", the last true one; -1 for none."""
    places = tf.concat([[-1], tf.cast(tf.where(mask)[:, 0], tf.int32)], axis=0)
    return tf.gather(places, tf.concat([[0], tf.cumsum(tf.cast(mask, tf.int32))], axis=0))


def _first_at_or_behind(mask: tf.Tensor) -> tf.Tensor:
    """`[n]` bool to `[n + 1]`: for each place, and for "behind the last", the first true one; n for none."""
    places = tf.concat([tf.cast(tf.where(mask)[:, 0], tf.int32), [tf.size(mask)]], axis=0)
    return tf.gather(places, tf.concat([[0], tf.cumsum(tf.cast(mask, tf.int32))], axis=0))


def _before(mask: tf.Tensor) -> tf.Tensor:
    return tf.concat([[False], mask[:-1]], axis=0)


def _behind(mask: tf.Tensor) -> tf.Tensor:
    return tf.concat([mask[1:], [False]], axis=0)


def _starts(mask: tf.Tensor) -> tf.Tensor:
    return tf.where(mask & ~_before(mask))[:, 0]


def _runs(characters: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Runs of true places as strings, `[num_runs]`, and the run of each true place, `[num_characters]` int32."""
    run = tf.cumsum(tf.cast(mask & ~_before(mask), tf.int32)) - 1
    rows = tf.RaggedTensor.from_value_rowids(
        characters[mask], tf.cast(run[mask], tf.int64), tf.size(_starts(mask), tf.int64)
    )
    return tf.strings.unicode_encode(rows, "UTF-8"), run


def _table(ids: dict[str, int]) -> tf.lookup.StaticHashTable:
    values = tf.lookup.KeyValueTensorInitializer(list(ids), list(ids.values()), tf.string, tf.int32)
    return tf.lookup.StaticHashTable(values, _MISSING)


def _nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _lowered(character: str) -> str:
    """A character in lower case and decomposed; the other apostrophe as the plain one."""
    composed = unicodedata.normalize("NFC", character)
    return _nfd(composed.lower()).replace("\u2019", "'")


def _kind(character: str) -> int:
    if _LETTERS.fullmatch(character):
        return _LETTER
    if unicodedata.category(character).startswith("M"):
        return _MARK
    return {"\u200c": _JOINER, "\u200d": _JOINER, "'": _APOSTROPHE}.get(character, _OTHER)


_LETTERS = re.compile(r"[^\W_]")


def _case(character: str) -> int:
    """What a character is to a sigma behind it; Python tells it by lowering one."""
    if f"1{character}Σ".lower().endswith("ς"):
        return _CASED
    return _IGNORED if f"A{character}Σ".lower().endswith("ς") else _UNCASED
