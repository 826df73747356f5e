"""The small CNNs of the embedded data set: trained on the spot on the scenes, since no pretrained weights come along.

Two kinds, so that `fusion` has something to fuse, as in the paper:

objects    averages over all positions, like VGG16's classes: it tells what there is, and nearly not where (X_vgg)
layout     keeps a coarse grid of positions, from which an arrangement can be read (X_img)

Both learn from the pictures of the split for captioners which words and pairs of words their sentences say, as a
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
_SEEN = 15_000
_MOST_EPOCHS = 14
_BATCH = 50
_LEARNING_RATE = 3e-3
_GRID_CHANNELS = 16

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


def train_scene_cnn(kind: str, pictures: np.ndarray, targets: np.ndarray, seed: int) -> keras.Model:
    """Trains a CNN on words and returns the part below them.

    Args:
      kind: `objects` or `layout`.
      pictures: `[num_images, INPUT_SIZE, INPUT_SIZE, 3]` uint8.
      targets: `[num_images, num_labels]` float32, of `label_targets`.
      seed: of the weights and of the order of training.

    Returns:
      A functional model from `[batch, INPUT_SIZE, INPUT_SIZE, 3]` float32 RGB in 0 ... 255 to `[batch, dim]` float32.
    """
    keras.utils.set_random_seed(seed)
    features = _scene_cnn(kind)
    words = keras.layers.Dense(targets.shape[1], activation="sigmoid", name="words")(features.output)
    model = keras.Model(features.input, words)
    epochs = min(_MOST_EPOCHS, -(-_SEEN // len(pictures)))
    schedule = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, epochs * -(-len(pictures) // _BATCH), alpha=0.02)
    model.compile(keras.optimizers.Adam(schedule), "binary_crossentropy")
    model.fit(pictures, targets, batch_size=_BATCH, epochs=epochs, verbose=0)
    return features


def _scene_cnn(kind: str) -> keras.Model:
    pictures = keras.Input((INPUT_SIZE, INPUT_SIZE, 3), name="pictures")
    x = keras.layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(pictures)
    for block, channels in enumerate((16, 32, 64, 96)):
        x = keras.layers.Conv2D(channels, 3, 2 if block == 0 else 1, "same", use_bias=False, name=f"conv{block}")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm{block}")(x)
        x = keras.layers.ReLU(name=f"relu{block}")(x)
        if block:
            x = keras.layers.MaxPooling2D(2, name=f"pool{block}")(x)
    if kind == "objects":
        output = keras.layers.GlobalAveragePooling2D(name="features")(x)
    else:
        x = keras.layers.Conv2D(_GRID_CHANNELS, 1, activation="relu", name="grid")(x)
        output = keras.layers.Flatten(name="features")(x)
    return keras.Model(pictures, output, name=f"scene_cnn_{kind}")
