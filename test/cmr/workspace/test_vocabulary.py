"""Words of the training sentences and their ids."""

import collections
import json
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import WorkspaceError
from cmr.workspace import vocabulary
from cmr.workspace.vocabulary import Vocabulary

words = st.text("abcdé'’.,-! ABC", max_size=12)
any_sentences = st.lists(st.one_of(words, st.text(max_size=12)), max_size=12)


@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("A dog's ball.", ["a", "dog's", "ball"]),
        ("The man’s dog", ["the", "man's", "dog"]),
        ("'Quoted' words", ["quoted", "words"]),
        ("black-and-white , 2 dogs!", ["black", "and", "white", "2", "dogs"]),
        ("Un café\tà\nParis", ["un", "café", "à", "paris"]),
        ("snake_case", ["snake", "case"]),
        ("Hu\u0308ndin mit Ball", ["h\u00fcndin", "mit", "ball"]),
        (
            "\u0915\u0941\u0924\u094d\u0924\u093e \u0926\u094c\u0921\u093c\u0924\u093e",
            ["\u0915\u0941\u0924\u094d\u0924\u093e", "\u0926\u094c\u0921\u093c\u0924\u093e"],
        ),
        ("\u0e2b\u0e21\u0e32\u0e27\u0e34\u0e48\u0e07", ["\u0e2b\u0e21\u0e32\u0e27\u0e34\u0e48\u0e07"]),
        ("\u0645\u06cc\u200c\u0631\u0648\u062f\u200c.", ["\u0645\u06cc\u200c\u0631\u0648\u062f"]),
        ("\u0d28\u0d4d\u200d \u200dab", ["\u0d28\u0d4d", "ab"]),
        ("\u0130STANBUL", ["i\u0307stanbul"]),
        ("\u0301a b\u0301'\u0301c", ["a", "b\u0301", "c"]),
        ("\U0001f468\u200d\U0001f469\ufe0f ok", ["ok"]),
        ("... !", []),
        ("", []),
    ],
)
def test_words_are_lower_case_without_punctuation(caption, tokens):
    assert vocabulary.tokenize(caption) == tokens


# Letters, marks, joiners and apostrophes of several scripts, close together.
marked = st.text(
    "aB\u00e9\u0301\u0308\u0327\u0345\u0130\u03a3\u0915\u093c\u094d\u0958"
    "\u0e2b\u0e34\u1100\u1161\uac00\u200c\u200d\u20e3\ufe0f'\u2019_ .1",
    max_size=14,
)
any_text = st.one_of(marked, st.text(max_size=12))


@settings(max_examples=300, deadline=None)
@given(any_text)
def test_decomposed_text_has_the_words_of_composed_text(text):
    decomposed, composed = (unicodedata.normalize(form, text) for form in ("NFD", "NFC"))

    assert vocabulary.tokenize(decomposed) == vocabulary.tokenize(composed)


@settings(max_examples=300, deadline=None)
@given(any_text)
def test_no_word_begins_with_a_mark_or_ends_with_a_joiner(text):
    tokens = vocabulary.tokenize(text)

    assert [token for token in tokens if unicodedata.category(token[0]).startswith("M")] == []
    assert [token for token in tokens if token[-1] in "\u200c\u200d'"] == []


@settings(max_examples=300, deadline=None)
@given(any_text)
def test_words_joined_by_spaces_are_the_same_words_again(text):
    tokens = vocabulary.tokenize(text)

    assert vocabulary.tokenize(" ".join(tokens)) == tokens


# What older versions cut by.
OLD_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def old_tokens(caption):
    return [word.replace("\u2019", "'") for word in OLD_WORD.findall(caption.lower())]


def published_sentences(data):
    """Every sentence of a data set as published."""
    if data.is_dir():
        files = sorted(data.glob("captions_*.json"))
        notes = [note for path in files for note in json.loads(path.read_text("utf-8"))["annotations"]]
        return [note["caption"] for note in notes]
    return [line.partition("\t")[2] for line in data.read_text("utf-8").split("\n") if line]


@pytest.mark.parametrize(
    ("place", "at_least"),
    [
        ("flickr8k/Flickr8k_text/Flickr8k.token.txt", 40_000),
        ("flickr30k/results_20130124.token", 150_000),
        ("mscoco/annotations", 20_000),
    ],
)
def test_english_sentences_have_the_words_and_ids_that_they_always_had(shared, place, at_least):
    sentences = published_sentences(shared / "data" / place)
    assert len(sentences) >= at_least

    changed = [sentence for sentence in sentences if vocabulary.tokenize(sentence) != old_tokens(sentence)]

    assert changed == []
    kept = Vocabulary.from_captions(sentences, min_word_count=5)
    old_ids = {word: index for index, word in enumerate(kept.words)}
    # Only unknown words could differ, and of ASCII ones none is looked up in another way.
    for sentence in (sentence for sentence in sentences if not sentence.isascii()):
        assert kept.encode(sentence) == [*(old_ids.get(word, 1) for word in old_tokens(sentence)), 2]


@settings(max_examples=200, deadline=None)
@given(st.lists(any_text, max_size=5))
def test_every_word_of_an_older_version_keeps_its_id(sentences):
    words = sorted({token for sentence in sentences for token in old_tokens(sentence)})
    # Two spellings of one composed word were two words.
    once = list({unicodedata.normalize("NFC", word): word for word in words}.values())
    old = Vocabulary((*vocabulary.SPECIAL, *once), (0,) * (3 + len(once)))

    # What was made of a capital letter that has no lower case of its own is not its own lower case.
    ids = {word: old.encode(word) for word in once if word == word.lower()}

    assert ids == {word: [old.words.index(word), vocabulary.END_ID] for word in ids}


@pytest.mark.parametrize("sentence", ["Hu\u0308ndin", "\u0915\u0941\u0924\u094d\u0924\u093e"])
def test_a_vocabulary_of_the_pieces_of_words_reads_them_still(sentence):
    pieces = old_tokens(sentence)
    old = Vocabulary((*vocabulary.SPECIAL, *dict.fromkeys(pieces)), (0,) * (3 + len(set(pieces))))

    assert [old.words[index] for index in old.encode(sentence)] == [*pieces, "<end>"]


def test_a_vocabulary_of_whole_words_does_not_put_one_together_from_others():
    words = ("\u0915\u0941", "\u0915", "\u0924")
    kept = Vocabulary((*vocabulary.SPECIAL, *words), (0,) * 6)

    assert kept.encode("\u0915\u0941\u0924") == [vocabulary.UNK_ID, vocabulary.END_ID]


@settings(max_examples=60, deadline=None)
@given(any_sentences)
def test_words_hold_no_white_space_and_are_their_own_tokens(sentences):
    tokens = [token for sentence in sentences for token in vocabulary.tokenize(sentence)]

    assert all(vocabulary.tokenize(token) == [token] and token.split() == [token] for token in tokens)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sentences=any_sentences, min_word_count=st.integers(1, 3))
def test_a_written_vocabulary_is_read_back(tmp_path, sentences, min_word_count):
    written = Vocabulary.from_captions(sentences, min_word_count)

    written.write(tmp_path / "vocabulary.txt")

    assert Vocabulary.read(tmp_path / "vocabulary.txt") == written


@settings(max_examples=40, deadline=None)
@given(any_sentences.flatmap(lambda sentences: st.tuples(st.just(sentences), st.permutations(sentences))))
def test_ids_do_not_depend_on_the_order_of_the_sentences(orders):
    first, second = (Vocabulary.from_captions(sentences) for sentences in orders)

    assert first == second
    assert first.checksum() == second.checksum()


def test_words_follow_the_special_ones_by_falling_count_then_by_spelling():
    built = Vocabulary.from_captions(["b b a", "c a d"])

    assert built.words == ("<pad>", "<unk>", "<end>", "a", "b", "c", "d")
    assert built.counts == (0, 0, 2, 2, 2, 1, 1)


def test_words_rarer_than_the_minimum_become_unknown():
    built = Vocabulary.from_captions(["a a b", "a c"], min_word_count=2)

    assert built.words == ("<pad>", "<unk>", "<end>", "a")
    assert built.counts == (0, 2, 2, 3)
    assert built.encode("a b") == [3, vocabulary.UNK_ID, vocabulary.END_ID]


@settings(max_examples=60, deadline=None)
@given(any_sentences, st.integers(1, 3))
def test_no_word_is_lost_between_counts_and_unknown(sentences, min_word_count):
    built = Vocabulary.from_captions(sentences, min_word_count)

    counted = collections.Counter(token for sentence in sentences for token in vocabulary.tokenize(sentence))
    assert sum(built.counts) == sum(counted.values()) + len(sentences)
    assert all(counted[word] >= min_word_count for word in built.words[3:])


@settings(max_examples=60, deadline=None)
@given(any_sentences)
def test_a_training_sentence_is_its_words_closed_by_the_end_word(sentences):
    built = Vocabulary.from_captions(sentences)

    for sentence in sentences:
        ids = built.encode(sentence)
        assert [built.words[index] for index in ids] == [*vocabulary.tokenize(sentence), "<end>"]


def test_the_checksum_tells_vocabularies_of_other_ids_apart():
    one = Vocabulary.from_captions(["a b b"])
    other = Vocabulary.from_captions(["a a b"])

    assert one.checksum() != other.checksum()


def test_a_missing_vocabulary_is_refused_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(WorkspaceError, match=r"vocabulary.txt is missing; run data_prep.prepare again"):
        Vocabulary.read(tmp_path / "vocabulary.txt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<pad>\t0\n<unk>\t0\n<end>\t1\ndog 4\n", "line 4: not 'word <tab> count'"),
        (b"<pad>\t0\n<unk>\t0\n<end>\t1\ndog\tmany\n", "line 4: not 'word <tab> count'"),
        ("<pad>\t0\n<unk>\t0\n<end>\t1\ndog\t²\n".encode(), "line 4: not 'word <tab> count'"),
        (b"dog\t4\n", "must open with <pad> <unk> <end>"),
        (b"<pad>\t0\n<unk>\t0\n<end>\t1\ndog\t2\ndog\t1\n", "hold each word once"),
        (b"", "must open with <pad> <unk> <end>"),
        (b"\xff\xfe", "can't be read"),
        (b"<pad>\t0\n<unk>\t0\n<end>\t1\ndog\t4", "is cut off"),
        (b"<pad>\t0\n<unk>\t0\n<end>\t1\ndog\t" + b"4" * 5000 + b"\n", "line 4: not"),
        (b"<pad>\t0\n<unk>\t0\n<end>\t1\ndog\t-4\n", "line 4: not"),
    ],
)
def test_a_damaged_vocabulary_is_refused(tmp_path, content, message):
    (tmp_path / "vocabulary.txt").write_bytes(content)

    with pytest.raises(WorkspaceError, match=message):
        Vocabulary.read(tmp_path / "vocabulary.txt")


_WORDS = st.sampled_from([f"word{number}" for number in range(12)])


@given(st.dictionaries(_WORDS, st.integers(1, 9)), st.sets(_WORDS), st.integers(1, 5))
def test_further_words_are_kept_with_the_counts_of_the_training_sentences(counts, further, min_word_count):
    built = Vocabulary.from_counts(counts, 7, min_word_count, further)

    kept = dict(zip(built.words[3:], built.counts[3:], strict=True))
    often = {word for word, count in counts.items() if count >= min_word_count}
    assert kept == {word: counts.get(word, 0) for word in often | further}
    assert built.counts[vocabulary.UNK_ID] + sum(kept.values()) == sum(counts.values())
    assert list(kept.items()) == sorted(kept.items(), key=lambda item: (-item[1], item[0]))
    assert built.num_unsaid == len(further - set(counts))
