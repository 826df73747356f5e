"""Word vectors of a vocabulary: trained on the training sentences alone, or read; coverage, leaks, sentences' means."""

import sys

import numpy as np
import pytest

from cmr.data import inputs, word_vector_files, word_vectors
from cmr.data.word_vector_files import StoredWordVectors
from cmr.errors import ConfigError, WorkspaceError


def read_inputs(workspace):
    return inputs.read_inputs(workspace, "", "scene_cnn-layout")


def stored(path, words=("dog", "red"), image_ids=()):
    vectors = np.arange(2 * len(words), dtype=np.float32).reshape(-1, 2) + 1
    word_vector_files.write(path, StoredWordVectors(tuple(words), vectors, "scenes", tuple(image_ids)))
    return str(path)


def test_vectors_of_a_file_stand_at_their_words_ids(tiny_workspace, tmp_path):
    opened = read_inputs(tiny_workspace)
    path = stored(tmp_path / "words.npz", ["red", "zebra", "dog"])

    vectors = word_vectors.source(tiny_workspace, opened, path, 300, 0).vectors()

    ids = opened.vocabulary.ids
    assert vectors.vectors[ids["red"]].tolist() == [1, 2]
    assert vectors.vectors[ids["dog"]].tolist() == [5, 6]
    assert vectors.is_known.sum() == 2
    assert not vectors.vectors[~vectors.is_known].any()


def test_the_note_says_what_share_of_words_and_of_text_is_covered(tiny_workspace, tmp_path):
    opened = read_inputs(tiny_workspace)
    path = stored(tmp_path / "words.npz")

    note = word_vectors.source(tiny_workspace, opened, path, 300, 0).vectors().note

    words = len(opened.vocabulary) - 3
    counts = dict(zip(opened.vocabulary.words, opened.vocabulary.counts, strict=True))
    text = sum(opened.vocabulary.counts[3:])
    assert f"cover {200 / words:.1f}% of the words" in note
    assert f"{100 * (counts['dog'] + counts['red']) / text:.1f}% of the training text" in note


def test_special_words_have_no_vector_whatever_a_file_says(tiny_workspace, tmp_path):
    path = stored(tmp_path / "words.npz", ["<unk>", "<end>", "dog"])

    vectors = word_vectors.source(tiny_workspace, read_inputs(tiny_workspace), path, 300, 0).vectors()

    assert not vectors.is_known[:3].any()


@pytest.mark.parametrize("at_once", [7, 8192])
def test_a_sentence_is_the_mean_of_its_known_words(tiny_workspace, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(word_vectors, "_SENTENCES_AT_ONCE", at_once)
    opened = read_inputs(tiny_workspace)
    vectors = word_vectors.source(tiny_workspace, opened, stored(tmp_path / "words.npz"), 300, 0).vectors()
    split = opened.split("test")

    means = vectors.sentence_means(split)

    for caption in range(split.num_captions):
        words = [opened.vocabulary.words[i] for i in split.tokens[split.starts[caption] : split.starts[caption + 1]]]
        known = [{"dog": [1, 2], "red": [3, 4]}[word] for word in words if word in ("dog", "red")]
        expected = np.mean(known, axis=0) if known else [0, 0]
        np.testing.assert_allclose(means[caption], expected, rtol=1e-6)


def test_a_file_without_any_of_the_words_is_refused(tiny_workspace, tmp_path):
    path = stored(tmp_path / "words.npz", ["zebra"])

    with pytest.raises(ConfigError, match="hold none of the vocabulary's words"):
        word_vectors.source(tiny_workspace, read_inputs(tiny_workspace), path, 300, 0).vectors()


def test_a_missing_file_is_named(tiny_workspace):
    with pytest.raises(WorkspaceError, match=r"--word_vectors=nowhere\.txt is no file"):
        word_vectors.source(tiny_workspace, read_inputs(tiny_workspace), "nowhere.txt", 300, 0)


def test_vectors_that_learnt_from_evaluated_sentences_are_refused_or_said(tiny_workspace, tmp_path):
    path = stored(tmp_path / "words.npz", image_ids=["train0.png", "test3.png", "val1.png"])
    opened = read_inputs(tiny_workspace)

    with pytest.raises(ConfigError, match="1 of the val split and 1 of the test split"):
        word_vectors.source(tiny_workspace, opened, path, 300, 0)
    allowed = word_vectors.source(tiny_workspace, opened, path, 300, 0, allow_leak=True)

    assert allowed.leak.startswith("LEAK (--allow_leak): ")


def test_trained_vectors_learn_from_the_training_sentences_alone_and_are_kept(tiny_workspace):
    opened = read_inputs(tiny_workspace)
    source = word_vectors.source(tiny_workspace, opened, "", 5, 3)

    first = source.vectors()

    (path,) = tiny_workspace.dataset_dir.glob("word_vectors/*.npz")
    assert set(word_vector_files.read_image_ids(path)) == set(opened.split("train").image_ids)
    assert word_vectors.source(tiny_workspace, opened, str(path), 0, 0).leak == ""
    assert first.is_known[3:].all()
    changed = path.stat().st_mtime_ns
    np.testing.assert_array_equal(source.vectors().vectors, first.vectors)
    assert path.stat().st_mtime_ns == changed


def test_a_seed_gives_the_same_vectors_and_another_seed_others():
    sentences = ["a red dog runs", "the dog is red", "a cat sits inside"] * 20

    first, again, other = (word_vectors.train(sentences, 6, seed).vectors for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_gensim_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models.word2vec", None)

    with pytest.raises(ConfigError, match=r"pip install 'cmr\[comparators\]'"):
        word_vectors.train(["a dog"], 4, 0)
