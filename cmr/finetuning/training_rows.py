"""What training reads in the place of features: feature maps or pictures, of one crop of each image."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from cmr.config import MAX_PIXELS
from cmr.finetuning import crops
from cmr.workspace.stored_rows import StoredRows


@dataclasses.dataclass(frozen=True)
class MapRows:
    """Cached feature maps (an `examples.ImageRows`).

    Attributes:
      maps: for each crop, those of the images, `[at least num_images, values of a map]` float16, on the disk.
      numbers: `[num_images]` int, the crop that is read of each image.
      row_shape: of a map.
    """

    maps: Sequence[StoredRows]
    numbers: np.ndarray
    row_shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype:
        return self.maps[0].dtype

    def take(self, images: np.ndarray) -> np.ndarray:
        """Maps of images of the split: `[len(images), *row_shape]` float16."""
        taken = np.empty((len(images), self.maps[0].shape[1]), self.dtype)
        for number in np.unique(self.numbers[images]):
            of_crop = self.numbers[images] == number
            taken[of_crop] = self.maps[number][images[of_crop]]
        return taken.reshape(len(images), *self.row_shape)


@dataclasses.dataclass(frozen=True)
class PictureRows:
    """Pictures, read from their files (an `examples.ImageRows`).

    Attributes:
      image_ids: `[num_images]`, which decide the crops.
      paths: `[num_images]`, their files.
      numbers: as of `MapRows`.
      size: side of a square in pixels.
      max_pixels: as in `pictures.files.read_rgb`.
    """

    image_ids: Sequence[str]
    paths: Sequence[pathlib.Path]
    numbers: np.ndarray
    size: int
    max_pixels: int = MAX_PIXELS

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (self.size, self.size, 3)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    def take(self, images: np.ndarray) -> np.ndarray:
        """Crops of images of the split: `[len(images), size, size, 3]` uint8 RGB.

        Raises:
          DataError: a picture can't be read.
        """
        chosen = [(self.paths[image], crops.crop_of(self.image_ids[image], self.numbers[image])) for image in images]
        return np.stack([crops.read_crop(path, crop, self.size, self.max_pixels) for path, crop in chosen])
