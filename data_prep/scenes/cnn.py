"""The small CNN of the embedded data set: trained on the spot on the scenes, since no pretrained weights come along.

Two kinds of features are read from it, so that `fusion` has something to fuse, as in the paper:

objects    averages over all positions, like VGG16's classes: it tells what there is, and nearly not where (X_vgg)
layout     keeps a coarse grid of positions, from which an arrangement can be read (X_img)

It learns from the pictures of the split for captioners which words and pairs of words their sentences say, as a
labelled data set would teach them.
"""

import collections
import itertools

import keras
import numpy as np
import pandas as pd

from cmr.workspace.vocabulary import Vocabulary

INPUT_SIZE = 96

# Pictures seen in training, each picture at most _MOST_EPOCHS times.
_SEEN = 45_000
_MOST_EPOCHS = 14
_BATCH = 16
_LEARNING_RATE = 2e-3
_GRID_CHANNELS = 48

# Every colour with every kind of thing, and as many again.
_PAIRS = 300


def label_targets(captions: pd.DataFrame, image_ids: list[str], vocabulary: Vocabulary) -> np.ndarray:
    """Which share of an image's sentences says each word, and each of the most frequent pairs of words.

    Words alone tell that there is something red and a ball; that the ball is red takes pairs.

    Args:
      captions: rows of captions.csv.
      image_ids: the images, in the order of the result's rows.
      vocabulary: gives the first columns; the pairs follow.

    Returns:
      `[len(image_ids), len(vocabulary) + number of pairs]` float32 in 0 ... 1.
    """
    row_of = {image_id: row for row, image_id in enumerate(image_ids)}
    encoded = [vocabulary.encode(caption)[:-1] for caption in captions["caption"]]
    counts = collections.Counter(pair for words in encoded for pair in itertools.pairwise(words))
    column_of = {pair: len(vocabulary) + rank for rank, (pair, _) in enumerate(counts.most_common(_PAIRS))}
    said = np.zeros((len(image_ids), len(vocabulary) + len(column_of)), np.float32)
    sentences = np.zeros((len(image_ids), 1), np.float32)
    for image_id, words in zip(captions["image_id"], encoded, strict=True):
        pairs = {column_of[pair] for pair in itertools.pairwise(words) if pair in column_of}
        said[row_of[image_id], sorted({*words, *pairs})] += 1.0
        sentences[row_of[image_id]] += 1.0
    return said / np.maximum(sentences, 1.0)


def train_scene_cnns(pictures: np.ndarray, targets: np.ndarray, seed: int) -> dict[str, keras.Model]:
    """Trains a CNN on words and returns both kinds of features that are read from it.

    A label is told by the position where it is most likely and by the mean over all positions, so that what is learnt
    at one position holds at every other.

    Args:
      pictures: `[num_images, INPUT_SIZE, INPUT_SIZE, 3]` uint8.
      targets: `[num_images, num_labels]` float32, of `label_targets`.
      seed: of the weights and of the order of training.

    Returns:
      `objects` and `layout`: functional models from `[batch, INPUT_SIZE, INPUT_SIZE, 3]` float32 RGB in 0 ... 255 to
      `[batch, dim]` float32. They share their convolutions.
    """
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((INPUT_SIZE, INPUT_SIZE, 3), name="pictures")
    maps = _convolutions(inputs)
    grid = keras.layers.Conv2D(_GRID_CHANNELS, 1, activation="relu", name="grid")(maps)
    labels = keras.layers.Conv2D(targets.shape[1], 1, name="labels")(grid)
    everywhere = keras.layers.Add()(
        [keras.layers.GlobalMaxPooling2D()(labels), keras.layers.GlobalAveragePooling2D()(labels)]
    )
    model = keras.Model(inputs, keras.layers.Activation("sigmoid")(everywhere))
    epochs = min(_MOST_EPOCHS, -(-_SEEN // len(pictures)))
    schedule = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, epochs * -(-len(pictures) // _BATCH), alpha=0.02)
    model.compile(keras.optimizers.Adam(schedule), "binary_crossentropy")
    model.fit(pictures, targets, batch_size=_BATCH, epochs=epochs, verbose=0)
    outputs = {
        "objects": keras.layers.GlobalAveragePooling2D(name="features")(maps),
        "layout": keras.layers.Flatten(name="features")(grid),
    }
    return {kind: keras.Model(inputs, output, name=f"scene_cnn_{kind}") for kind, output in outputs.items()}


def _convolutions(pictures: keras.KerasTensor) -> keras.KerasTensor:
    """From pictures to maps: an average or a grid is read from these."""
    x = keras.layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(pictures)
    for block, channels in enumerate((16, 32, 64, 96)):
        x = keras.layers.Conv2D(channels, 3, 2 if block == 0 else 1, "same", use_bias=False, name=f"conv{block}")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm{block}")(x)
        x = keras.layers.ReLU(name=f"relu{block}")(x)
        if block:
            x = keras.layers.MaxPooling2D(2, name=f"pool{block}")(x)
    return x
