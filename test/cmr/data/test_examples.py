"""A split's sentences and features, as training and evaluation read them."""

import numpy as np
import pandas as pd
import pytest

from cmr.data import examples
from cmr.data.examples import Examples
from cmr.errors import WorkspaceError
from cmr.workspace import captions, vocabulary
from cmr.workspace.features import Features
from cmr.workspace.vocabulary import Vocabulary


def frame(*rows):
    return pd.DataFrame(rows, columns=list(captions.COLUMNS))


CAPTIONS = frame(
    ("b", "b.png", "train", "b#0", "A dog runs."),
    ("b", "b.png", "train", "b#1", "A dog!"),
    ("c", "c.png", "val", "c#0", "A cat."),
    ("a", "a.png", "train", "a#0", "Runs, runs, runs."),
)
VOCABULARY = Vocabulary.from_captions(["a dog runs", "a dog", "runs runs runs"])


@pytest.fixture
def features(tmp_path):
    """Features whose rows stand in another order than the captions' images."""
    array = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], np.float32)
    return {"vgg_features": Features(tmp_path / "made", array, ("a", "c", "b"), {})}


@pytest.fixture
def train(features):
    return examples.split_examples(CAPTIONS, "train", VOCABULARY, features)


def test_a_split_holds_its_own_images_and_sentences_alone(train):
    assert train.image_ids == ["b", "a"]
    assert train.file_names == ["b.png", "a.png"]
    assert train.captions == ["A dog runs.", "A dog!", "Runs, runs, runs."]
    assert train.image_of_caption.tolist() == [0, 0, 1]
    assert (train.num_images, train.num_captions) == (2, 3)


def test_a_sentence_is_its_word_ids_closed_by_the_end_word(train):
    a, dog, runs = (VOCABULARY.ids[word] for word in ("a", "dog", "runs"))

    sentences = [train.tokens[train.starts[i] : train.starts[i + 1]].tolist() for i in range(3)]

    assert sentences == [[a, dog, runs, 2], [a, dog, 2], [runs, runs, runs, 2]]
    assert train.lengths.tolist() == [4, 3, 4]


def test_sentences_are_padded_on_the_right_to_the_longest_asked_for(train):
    a, dog, runs = (VOCABULARY.ids[word] for word in ("a", "dog", "runs"))

    assert train.padded(np.array([1, 0])).tolist() == [[a, dog, 2, 0], [a, dog, runs, 2]]
    assert train.padded(np.array([1])).tolist() == [[a, dog, 2]]
    assert train.padded(np.array([1])).dtype == np.int32


def test_features_are_found_by_image_id_not_by_order(train):
    assert train.image_inputs(np.array([0, 1, 0]))["vgg_features"].tolist() == [[4, 5], [0, 1], [4, 5]]


def test_words_that_training_never_saw_are_unknown(features):
    val = examples.split_examples(CAPTIONS, "val", VOCABULARY, features)

    assert val.tokens.tolist() == [VOCABULARY.ids["a"], vocabulary.UNK_ID, vocabulary.END_ID]


def test_an_image_without_features_is_refused_by_name(features):
    more = pd.concat([CAPTIONS, frame(("z", "z.png", "train", "z#0", "A dog."))])

    with pytest.raises(WorkspaceError, match="no row for 1 of 3 images, such as z"):
        examples.split_examples(more, "train", VOCABULARY, features)


def test_an_empty_split_is_refused(features):
    with pytest.raises(WorkspaceError, match="no image in the test split"):
        examples.split_examples(CAPTIONS, "test", VOCABULARY, features)


@pytest.mark.parametrize(("number", "images"), [(1, [slice(0, 5)]), (2, [slice(0, 2), slice(2, 5)])])
def test_folds_cut_images_and_their_sentences(number, images):
    image_of_caption = np.array([0, 0, 1, 2, 2, 2, 3, 4], np.int32)
    split = Examples([""] * 5, [""] * 5, [""] * 8, np.zeros(8), np.arange(9), image_of_caption, {})

    folds = list(split.folds(number))

    assert [fold[0] for fold in folds] == images
    for inside, numbers in folds:
        assert numbers.tolist() == [
            n for n, image in enumerate(image_of_caption) if inside.start <= image < inside.stop
        ]
