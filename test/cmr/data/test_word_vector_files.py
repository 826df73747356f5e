"""Files of word vectors in every format, and what is wrong with one in a sentence."""

import struct

import numpy as np
import pytest

from cmr.data import word_vector_files
from cmr.data.word_vector_files import StoredWordVectors
from cmr.errors import WorkspaceError

WORDS = ("dog", "straße", "cat")
VECTORS = np.array([[1, 2.5], [-3, 0], [0.25, 4]], np.float32)


def write_glove(path):
    lines = [f"{word} {' '.join(map(str, vector))}" for word, vector in zip(WORDS, VECTORS, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_word2vec_text(path):
    write_glove(path)
    path.write_text("3 2\n" + path.read_text(encoding="utf-8"), encoding="utf-8")


def write_binary(path, between=b""):
    parts = [word.encode() + b" " + struct.pack("<2f", *vector) for word, vector in zip(WORDS, VECTORS, strict=True)]
    path.write_bytes(b"3 2\n" + between.join(parts))


def write_npz(path):
    word_vector_files.write(path, StoredWordVectors(WORDS, VECTORS, "mine", ("a.jpg",)))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("glove.txt", write_glove),
        ("vectors.vec", write_word2vec_text),
        ("vectors.bin", write_binary),
        ("lines.bin", lambda path: write_binary(path, b"\n")),
        ("vectors.npz", write_npz),
    ],
)
def test_the_words_asked_for_are_read_from_any_format(tmp_path, name, write):
    write(tmp_path / name)

    stored = word_vector_files.read(tmp_path / name, {"straße", "dog", "horse"})

    assert stored.words == ("dog", "straße")
    np.testing.assert_array_equal(stored.vectors, VECTORS[:2])


def test_of_a_word_that_stands_twice_the_first_vector_counts(tmp_path):
    path = tmp_path / "twice.txt"
    path.write_text("dog 1 2\ndog 3 4\n")

    assert word_vector_files.read(path, {"dog"}).vectors.tolist() == [[1, 2]]


def test_a_word_may_hold_a_space_as_some_of_gloves_do(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("dog 1 2\n. . . 3 4\n")

    assert word_vector_files.read(path, {". . ."}).vectors.tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("short.txt", b"dog 1 2\ncat 3\n", "line 2 has 1 numbers, not 2"),
        ("words.txt", b"dog one two\n", "could not convert"),
        ("empty.txt", b"", "line 1 has no number"),
        ("cut.bin", b"3 2\ndog \x00\x00", "it ends early"),
        ("text.bin", b"no header\n", "invalid literal"),
        ("damaged.npz", b"PK", "holds no word vectors"),
        ("nan.txt", b"dog nan 2\n", "NaN or infinite"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(WorkspaceError, match=message) as raised:
        word_vector_files.read(tmp_path / name, {"dog", "cat"})

    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_npz_without_vectors_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", words=np.array(["dog"]))

    with pytest.raises(WorkspaceError, match="holds no word vectors that can be read"):
        word_vector_files.read(tmp_path / "other.npz", {"dog"})


def test_only_an_npz_says_whose_sentences_it_learnt_from(tmp_path):
    write_npz(tmp_path / "vectors.npz")
    write_glove(tmp_path / "glove.txt")

    assert word_vector_files.read_image_ids(tmp_path / "vectors.npz") == ("a.jpg",)
    assert word_vector_files.read_image_ids(tmp_path / "glove.txt") == ()
