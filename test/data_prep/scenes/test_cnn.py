"""The scenes' own CNNs: what they are taught, and what their two kinds tell apart."""

import keras
import numpy as np
import pandas as pd
import pytest

from cmr.workspace import captions, vocabulary
from cmr.workspace.vocabulary import Vocabulary
from data_prep.scenes import cnn


def test_labels_are_the_share_of_an_images_sentences_that_say_a_word_or_a_pair():
    texts = {"a": ["A red ball, a red one.", "A ball."], "b": ["A cat."]}
    rows = [(name, name, "train", f"{name}#{n}", text) for name in texts for n, text in enumerate(texts[name])]
    frame = pd.DataFrame(rows, columns=list(captions.COLUMNS))
    words = Vocabulary.from_captions(frame["caption"])

    targets = cnn.label_targets(frame, ["b", "a"], words)

    assert targets[:, words.ids["red"]].tolist() == [0.0, 0.5]
    assert targets[:, words.ids["ball"]].tolist() == [0.0, 1.0]
    assert targets[:, words.ids["cat"]].tolist() == [1.0, 0.0]
    assert targets[:, vocabulary.END_ID].tolist() == [0.0, 0.0]
    # The pairs "a red", "red ball" ... of the most frequent one on.
    pairs = targets[:, len(words) :]
    assert sorted(pairs[0]) == [0.0] * 5 + [1.0]
    assert pairs[1].max() == 0.5
    assert pairs.shape == (
        2,
        len({("a", "red"), ("red", "ball"), ("ball", "a"), ("red", "one"), ("a", "ball"), ("a", "cat")}),
    )


@pytest.fixture(scope="module")
def trained_by_seed():
    """Taught on noise for the shortest while."""
    pictures = np.random.default_rng(0).integers(0, 256, (4, cnn.INPUT_SIZE, cnn.INPUT_SIZE, 3), np.uint8)
    targets = np.eye(4, 7, dtype=np.float32)
    return [cnn.train_scene_cnns(pictures, targets, seed) for seed in (0, 0, 1)]


@pytest.fixture(params=["objects", "layout"])
def trained(request, trained_by_seed):
    """The features of each kind."""
    return request.param, [models[request.param] for models in trained_by_seed]


def test_training_follows_its_seed(trained):
    first, again, other = (np.concatenate([w.ravel() for w in model.get_weights()]) for model in trained[1])

    np.testing.assert_allclose(first, again, rtol=1e-3, atol=1e-3)
    assert np.abs(first - other).max() > 0.01


def test_layout_keeps_positions_that_objects_averages_away(trained):
    kind, (model, *_) = trained
    picture = np.zeros((1, cnn.INPUT_SIZE, cnn.INPUT_SIZE, 3), np.float32)
    picture[:, 40:56, 16:32] = 255.0
    # Moved by the strides of all layers together: the same values in another cell.
    moved = np.roll(picture, 48, axis=2)

    here, there = (keras.ops.convert_to_numpy(model(one)) for one in (picture, moved))

    change = np.abs(here - there).max() / np.abs(here).max()
    assert (change > 0.05) == (kind == "layout")
