"""The small CNN of the embedded data set: trained on the spot on the scenes, since no pretrained weights come along.

As the paper's CNNs learnt from ImageNet's labelled pictures of single things, this one learns from labelled cut-outs:
what kind, colour and size the things in them have, and where the scene is. They are cut out of the pictures of the
split for captioners, never of those that retrieval is measured on.

Two kinds of features are read from it, so that `fusion` has something to fuse, as in the paper:

objects    averages over all positions, like VGG16's classes: it tells what there is, and nearly not where (X_vgg)
layout     tells how likely each label is in each of six columns and six rows, from which an arrangement, and which
           colour goes with which thing, can be read (X_img)
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from data_prep.scenes.scene import COLOURS, FLOATING, SETTINGS, SIZE, SIZES, STANDING

INPUT_SIZE = 96

# Side of a cut-out: the largest thing with a margin.
_CUT = 48
_JITTER = 6

# Cut-outs seen in training, each at most _MOST_EPOCHS times.
_SEEN = 90_000
_MOST_EPOCHS = 20
_BATCH = 32
_LEARNING_RATE = 3e-3
_GRID_CHANNELS = 48

_KINDS = (*STANDING, *FLOATING)
# A label of its own for every colour of every kind: red and ball do not make a red ball.
LABELS = (*_KINDS, *COLOURS, *SIZES, *SETTINGS, *itertools.product(COLOURS, _KINDS))
_COLUMN = {label: column for column, label in enumerate(LABELS)}


def labelled_cut_outs(
    pictures: np.ndarray, scenes: Sequence[Mapping[str, Any]], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A cut-out around every thing, shifted a little, and one of anywhere from each picture.

    Args:
      pictures: `[num_images, INPUT_SIZE, INPUT_SIZE, 3]` uint8.
      scenes: what each shows, as in scene_contents.json.
      seed: of the shifts.

    Returns:
      The cut-outs, `[number, side, side, 3]` uint8, and their labels, `[number, len(LABELS)]` float32, 1 where a thing
      whose middle lies in the cut-out is of that kind, colour and size, or where the scene is there.
    """
    random = np.random.default_rng(seed)
    half, scale = _CUT // 2, INPUT_SIZE / SIZE
    cuts, labels = [], []
    for picture, scene in zip(pictures, scenes, strict=True):
        padded = np.pad(picture, ((half, half), (half, half), (0, 0)), mode="edge")
        middles = [
            (scale * (thing["left"] + thing["right"]) / 2, scale * (thing["top"] + thing["bottom"]) / 2)
            for thing in scene["things"]
        ]
        centres = np.array([*middles, random.uniform(0, INPUT_SIZE, 2)])
        centres[:-1] += random.uniform(-_JITTER, _JITTER, centres[:-1].shape)
        for x, y in np.clip(centres, 0, INPUT_SIZE - 1).astype(int):
            cuts.append(padded[y : y + _CUT, x : x + _CUT])
            row = np.zeros(len(LABELS), np.float32)
            row[_COLUMN[scene["setting"]]] = 1.0
            for thing, (middle_x, middle_y) in zip(scene["things"], middles, strict=True):
                if abs(middle_x - x) < half and abs(middle_y - y) < half:
                    kind, colour = thing["kind"], thing["colour"]
                    row[[_COLUMN[label] for label in (kind, colour, thing["size"], (colour, kind))]] = 1.0
            labels.append(row)
    return np.stack(cuts), np.stack(labels)


def train_scene_cnns(pictures: np.ndarray, scenes: Sequence[Mapping[str, Any]], seed: int) -> dict[str, keras.Model]:
    """Trains a CNN on labelled cut-outs and returns both kinds of features that are read from it.

    A label is told by the position where it is most likely and by the mean over all positions, so that what is learnt
    at one position holds at every other, and in a whole picture.

    Args:
      pictures: `[num_images, INPUT_SIZE, INPUT_SIZE, 3]` uint8.
      scenes: what each shows, as in scene_contents.json.
      seed: of the cut-outs, the weights and the order of training.

    Returns:
      `objects` and `layout`: functional models from `[batch, INPUT_SIZE, INPUT_SIZE, 3]` float32 RGB in 0 ... 255 to
      `[batch, dim]` float32; and `maps`, to `[batch, side, side, dim]`, which `objects` are the mean of. They share
      their convolutions.
    """
    keras.utils.set_random_seed(seed)
    cuts, targets = labelled_cut_outs(pictures, scenes, seed)
    # Convolutions take pictures of any size: cut-outs in training, whole pictures afterwards.
    inputs = keras.Input((None, None, 3))
    maps = _convolutions(inputs)
    grid = keras.layers.Conv2D(_GRID_CHANNELS, 1, activation="relu", name="grid")(maps)
    evidence = keras.layers.Conv2D(len(LABELS), 1, name="evidence")(grid)
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name="mean_evidence")(evidence)
    labels = keras.layers.Activation("sigmoid", name="labels")(keras.layers.Add(name="with_mean")([evidence, mean]))
    trunk = keras.Model(inputs, [maps, labels], name="scene_cnn")
    model = keras.Model(inputs, keras.layers.GlobalMaxPooling2D(name="anywhere")(labels))
    epochs = min(_MOST_EPOCHS, -(-_SEEN // len(cuts)))
    schedule = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, epochs * -(-len(cuts) // _BATCH), alpha=0.02)
    model.compile(keras.optimizers.Adam(schedule), "binary_crossentropy")
    model.fit(cuts, targets, batch_size=_BATCH, epochs=epochs, verbose=0)
    whole = keras.Input((INPUT_SIZE, INPUT_SIZE, 3), name="pictures")
    maps, labels = trunk(whole)
    side = labels.shape[1]
    columns, rows = (keras.layers.MaxPooling2D(shape)(labels) for shape in ((side, 1), (1, side)))
    lines = [keras.layers.Flatten()(part) for part in (columns, rows)]
    outputs = {
        "objects": keras.layers.GlobalAveragePooling2D(name="features")(maps),
        "layout": keras.layers.Concatenate(name="features")(lines),
        "maps": maps,
    }
    return {kind: keras.Model(whole, output, name=f"scene_cnn_{kind}") for kind, output in outputs.items()}


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
