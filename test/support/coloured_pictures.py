"""Plain pictures, and a CNN that sees their colour: what extraction is tried on."""

import pathlib

import keras
import numpy as np
from PIL import Image

from data_prep.extract import extraction
from data_prep.extract.cnn_description import CnnDescription
from data_prep.extract.extraction import Pictures

SIZE = 8


def mean_colour(checksum: str = "") -> CnnDescription:
    """A CNN whose features are the picture's mean red, green and blue."""

    def build() -> keras.Model:
        pictures = keras.Input((SIZE, SIZE, 3))
        return keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(pictures))

    return CnnDescription("mean_colour", "mean", "pool", "none", checksum, SIZE, "nothing", build)


def colour_grid(scale: float = 1.0) -> CnnDescription:
    """A CNN whose features are the mean colours of the picture's four quarters, times `scale`."""

    def build() -> keras.Model:
        pictures = keras.Input((SIZE, SIZE, 3))
        quarters = keras.layers.AveragePooling2D(SIZE // 2)(keras.layers.Rescaling(scale)(pictures))
        return keras.Model(pictures, keras.layers.Reshape((4, 3))(quarters))

    return CnnDescription("colour_grid", "mean", f"grid {scale}", "none", "", SIZE, "nothing", build)


def coloured_pictures(folder: pathlib.Path, count: int) -> tuple[Pictures, np.ndarray]:
    """Plain pictures, and their colours `[count, 3]`."""
    colours = np.random.default_rng(3).integers(256, size=(count, 3))
    paths = [folder / f"{number}.png" for number in range(count)]
    for path, colour in zip(paths, colours, strict=True):
        Image.new("RGB", (20, 10), tuple(colour.tolist())).save(path)
    return Pictures([path.name for path in paths], paths), colours


def extract(pictures, folder, extractor=None, crops=1, on_corrupt="refuse"):
    return extraction.extract(extractor or mean_colour(), pictures, folder, crops, 4, on_corrupt)
