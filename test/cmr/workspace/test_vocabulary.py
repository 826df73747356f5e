"""Words of the training sentences and their ids."""

import collections

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
        ("... !", []),
        ("", []),
    ],
)
def test_words_are_lower_case_without_punctuation(caption, tokens):
    assert vocabulary.tokenize(caption) == tokens


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
    with pytest.raises(WorkspaceError, match=r"vocabulary.txt is missing; run data_prep.prepare"):
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
    ],
)
def test_a_damaged_vocabulary_is_refused(tmp_path, content, message):
    (tmp_path / "vocabulary.txt").write_bytes(content)

    with pytest.raises(WorkspaceError, match=message):
        Vocabulary.read(tmp_path / "vocabulary.txt")
