"""The CNNs that learn with a retrieval model: what training reads, validation's features, and the files they leave."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from cmr.data.examples import Examples, FeatureRows, ImageRows
from cmr.errors import DataError
from cmr.finetuning import crops
from cmr.finetuning.blocks import CnnParts
from cmr.finetuning.cnn_in_training import TrainedCnn
from cmr.finetuning.feature_maps import MapsMaker
from cmr.finetuning.training_rows import MapRows, PictureRows
from cmr.pictures import cnn, streaming
from cmr.workspace.runs import Run
from cmr.workspace.stored_rows import StoredRows

# Keeps the choice of crops apart from the order of sentences, which has a few streams of the same seed and epoch.
_CROPS = 1_000_000

_ROWS_AT_ONCE = 128


@dataclasses.dataclass(frozen=True)
class TunedCnn:
    """A CNN whose last blocks, or all of them, learn.

    Attributes:
      features: folder name of the features that it gave before.
      trained: the CNN and its pictures.
      parts: the same CNN, cut.
      maps: what the trained part reads of each crop: of the training images, in that of number 0 of the validation
        images behind them too; empty where all of it is trained, from the pictures.
    """

    features: str
    trained: TrainedCnn
    parts: CnnParts
    maps: Sequence[StoredRows] = ()

    def rows(self, train: Examples, numbers: np.ndarray) -> ImageRows:
        """What the trained part reads of training images.

        Args:
          train: the training split.
          numbers: `[num_images]` int64 from 0 to 2**31, of which crops follow.
        """
        if self.maps:
            return MapRows(self.maps, numbers % len(self.maps), self.parts.trained.input.shape[1:])
        paths = paths_of(train, self.trained)
        return PictureRows(train.image_ids, paths, numbers, self.trained.encoder.input_size, self.trained.max_pixels)

    def validation_features(self, train: Examples, val: Examples) -> np.ndarray:
        """Features of whole pictures as the CNN stands now: `[num_images, feature_dim]` float32."""
        if not self.maps:
            return streaming.features_of_files(
                self.trained.encoder, paths_of(val, self.trained), self.trained.max_pixels
            )
        rows = np.arange(train.num_images, train.num_images + val.num_images)
        maps = MapRows(self.maps[:1], np.zeros(rows[-1] + 1, np.int64), self.parts.trained.input.shape[1:])
        blocks = np.split(rows, range(_ROWS_AT_ONCE, len(rows), _ROWS_AT_ONCE))
        return np.concatenate([self._encode(maps.take(block)).numpy() for block in blocks])

    @functools.cached_property
    def _encode(self) -> Callable[[np.ndarray], tf.Tensor]:
        part = self.parts.trained
        return tf.function(lambda maps: part(tf.cast(maps, tf.float32), training=False), reduce_retracing=True)


class TunedCnns:
    """The CNNs of a training, by the input of the image encoder that reads their features.

    Args:
      cnns: input name -> CNN.
      train: the training split.
      seed: of the run; with the epoch it decides which crop of an image is read.
    """

    def __init__(self, cnns: Mapping[str, TunedCnn], train: Examples, seed: int):
        self._cnns = cnns
        self._train = train
        self._seed = seed

    @property
    def parts(self) -> Mapping[str, keras.Model]:
        """The trained parts."""
        return {name: each.parts.trained for name, each in self._cnns.items()}

    def training_split(self, epoch: int) -> Examples:
        """The training split of an epoch, from 0, with what the trained parts read in the place of features."""
        random = np.random.default_rng([self._seed, epoch, _CROPS])
        # Each CNN of a model sees the same crop of a picture.
        numbers = random.integers(crops.ANY_CROP, size=self._train.num_images)
        rows = {name: each.rows(self._train, numbers) for name, each in self._cnns.items()}
        return dataclasses.replace(self._train, features={**self._train.features, **rows})

    def with_features(self, val: Examples) -> Examples:
        """The validation split with the features that the CNNs give its whole pictures now."""
        rows = {
            name: FeatureRows(each.validation_features(self._train, val), np.arange(val.num_images))
            for name, each in self._cnns.items()
        }
        return dataclasses.replace(val, features={**val.features, **rows})

    def write(self, run: Run) -> None:
        """Writes cnn.keras of each into the run's folder of its features."""
        for name, each in self._cnns.items():
            cnn.write_cnn(run.tuned_features_dir(name, each.features), each.trained.encoder.model)


def tuned_cnn(
    features: str, trained: TrainedCnn, parts: CnnParts, maker: MapsMaker, splits: tuple[Examples, Examples], count: int
) -> TunedCnn:
    """A CNN ready for training; what does not learn runs over the pictures first, where it has not before.

    Args:
      features: folder name of its features.
      trained: the CNN and its pictures.
      parts: the same, cut.
      maker: of the maps.
      splits: training and validation.
      count: crops of a training picture.

    Raises:
      DataError: pictures are missing.
    """
    train, val = splits
    of_train, of_val = (paths_of(split, trained) for split in splits)
    missing = [path for path in (*of_train, *of_val) if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(of_train) + len(of_val)} pictures are not there, such as {missing[0]}; a CNN is "
            "trained from the pictures: restore them or run data_prep.prepare again"
        )
    if parts.frozen is None:
        return TunedCnn(features, trained, parts)
    both = [*train.image_ids, *val.image_ids], of_train + of_val
    maps = maker.make([both, *[(train.image_ids, of_train)] * (count - 1)])
    return TunedCnn(features, trained, parts, maps)


def paths_of(split: Examples, trained: TrainedCnn) -> list:
    """The files of a split's pictures."""
    return [trained.image_dir / name for name in split.file_names]
