"""The graph's word ids are Vocabulary.encode's, whatever the sentences."""

import functools
import json
import pathlib
from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.serving.word_ids import WordIds
from cmr.trained.sentences import padded
from cmr.workspace.vocabulary import SPECIAL, Vocabulary

# The last word makes it one of this version, whose words are not cut at their marks.
OF_OLDER_VERSION = ("a", "dog's", "café", "na", "ve", "nai", "σας", "οδος", "rock'n'roll", "i̇stanbul", "한국")
VOCABULARIES = {
    "older": Vocabulary((*SPECIAL, *OF_OLDER_VERSION), (1,) * (3 + len(OF_OLDER_VERSION))),
    "new": Vocabulary((*SPECIAL, *OF_OLDER_VERSION, "हिन्दी"), (1,) * (4 + len(OF_OLDER_VERSION))),
}


@functools.cache
def compiled(vocabulary: Vocabulary):
    word_ids = WordIds(vocabulary)
    return tf.function(lambda texts: word_ids(texts), input_signature=[tf.TensorSpec([None], tf.string)])


def check(sentences: Sequence[str], vocabulary: Vocabulary) -> None:
    ids = compiled(vocabulary)(tf.constant(sentences)).numpy()

    np.testing.assert_array_equal(ids, padded([vocabulary.encode(sentence) for sentence in sentences]))


@pytest.mark.parametrize("name", VOCABULARIES)
@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "  --- ?!",
        "A dog's DOG’S 'a' dogs'",
        "a''a a'a' 'a",
        "rock’n’roll",
        "cafe\u0301 café CAFÉ",
        "na\u0308ive naïve",
        "ΟΔΟΣ οδος ΣΑΣ Σ ΣΑ. ΑΣ\u0301",
        "İstanbul ISTANBUL",
        "हिन्दी हि\u200dन्दी हिन्दी\u200d",
        "\u0301a a\u200d a\u200db \u200da",
        "한국 \u1112\u1161\u11ab\u1100\u116e\u11a8",
        "a_a a2 ½ x²",
        "a\x00a\ta\na\u2028a",
    ],
)
def test_odd_sentences(name, sentence):
    check([sentence, "a", sentence], VOCABULARIES[name])


CHARACTERS = st.one_of(
    st.characters(codec="utf-8"),
    st.sampled_from("aAΣσςé'’ \u0301\u0308\u0345\u200c\u200d_1ïनि\u1100\u1161가"),
)


@settings(max_examples=200, deadline=None)
@given(sentences=st.lists(st.text(CHARACTERS, max_size=30), min_size=1, max_size=8))
@pytest.mark.parametrize("name", VOCABULARIES)
def test_any_sentences(name, sentences):
    check(sentences, VOCABULARIES[name])


def sentences_of(shared: pathlib.Path) -> list[str]:
    """Those of Flickr8K, Flickr30K and MSCOCO."""
    tokens = [shared / "data/flickr8k/Flickr8k_text/Flickr8k.token.txt", *(shared / "data/flickr30k").rglob("*.token")]
    lines = [line for path in tokens for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [line.split("\t", 1)[1] for line in lines]
    for path in sorted((shared / "data/mscoco/annotations").glob("*.json")):
        texts += [each["caption"] for each in json.loads(path.read_text(encoding="utf-8"))["annotations"]]
    assert len(texts) > 220_000
    return texts


def test_a_sample_of_the_data_sets_sentences(shared):
    texts = sentences_of(shared)

    check(texts[::101], Vocabulary.from_captions(texts[::7], min_word_count=2))


@pytest.mark.real_data
def test_every_sentence_of_the_data_sets(shared):
    texts = sentences_of(shared)
    vocabulary = Vocabulary.from_captions(texts, min_word_count=2)

    for start in range(0, len(texts), 4096):
        check(texts[start : start + 4096], vocabulary)
