"""Features of several stages of a CNN: what its earlier maps know of a picture beside what the last one says of it."""

from collections.abc import Sequence

import keras


def means_of(maps: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """The means over the positions of maps, each of norm 1, side by side.

    The last layer of a CNN is trained to tell its classes apart; earlier ones keep more of what no class needs, such as
    colours, places and things that fill little of the picture.

    Args:
      maps: `[batch, side, side, channels]` each, of any sides and channels.

    Returns:
      `[batch, sum of channels]` in the order of the maps.
    """
    means = []
    for place, each in enumerate(maps, start=1):
        mean = keras.layers.GlobalAveragePooling2D(name=f"mean_{place}")(each)
        means.append(keras.layers.UnitNormalization(name=f"unit_{place}")(mean))
    return keras.layers.Concatenate(name="stages")(means) if len(means) > 1 else means[0]
