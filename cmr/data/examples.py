"""Sentences and image features of one split, as training and evaluation read them."""

import array
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from cmr.workspace.captions import images_of, in_split
from cmr.workspace.features import Features
from cmr.workspace.stored_rows import StoredRows
from cmr.workspace.vocabulary import PAD_ID, Vocabulary


class ImageRows(Protocol):
    """What a model reads of the images of a split.

    Attributes:
      row_shape: of an image's array.
      dtype: of its values.
    """

    @property
    def row_shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def take(self, images: np.ndarray) -> np.ndarray:
        """Arrays of images of the split: `[len(images), *row_shape]`."""


@dataclasses.dataclass(frozen=True)
class FeatureRows:
    """Rows of an array on the disk, one for each image of a split.

    Attributes:
      array: `[any, feature_dim]` float32, or a grid, `[any, cells, feature_dim]` float16; a NumPy array or on the
        disk; only the rows asked for are read.
      rows: `[num_images]` int64.
    """

    array: np.ndarray | StoredRows
    rows: np.ndarray

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.array.shape[1:]

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    def take(self, images: np.ndarray) -> np.ndarray:
        """Features of images of the split, as stored: `[len(images), feature_dim]` or `[len(images), cells, ...]`."""
        return np.asarray(self.array[self.rows[images]])


@dataclasses.dataclass(frozen=True)
class Examples:
    """One split. Sentence i is `tokens[starts[i]:starts[i + 1]]` and belongs to image `image_of_caption[i]`.

    Attributes:
      image_ids: `[num_images]`, the images.
      file_names: `[num_images]`, their pictures.
      captions: `[num_captions]`, the sentences as published.
      tokens: `[sum of lengths]` int32, word ids, `<end>` included.
      starts: `[num_captions + 1]` int64.
      image_of_caption: `[num_captions]` int32.
      features: input name of the model -> features of the images, or what a CNN that is trained makes them of.
    """

    image_ids: Sequence[str]
    file_names: Sequence[str]
    captions: Sequence[str]
    tokens: np.ndarray
    starts: np.ndarray
    image_of_caption: np.ndarray
    features: Mapping[str, ImageRows]

    @property
    def num_images(self) -> int:
        return len(self.image_ids)

    @property
    def num_captions(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """`[num_captions]` int64, words of each sentence with its end word."""
        return np.diff(self.starts)

    def words_of_captions(self) -> list[np.ndarray]:
        """Word ids of each sentence, `<end>` included: `[its length]` int32."""
        return np.split(self.tokens, self.starts[1:-1])

    def padded(self, captions: np.ndarray) -> np.ndarray:
        """Word ids of sentences: `[len(captions), longest]` int32, padded with 0 on the right."""
        starts, lengths = self.starts[captions], self.starts[captions + 1] - self.starts[captions]
        columns = np.arange(lengths.max())
        inside = columns[None, :] < lengths[:, None]
        padded = np.full(inside.shape, PAD_ID, np.int32)
        padded[inside] = self.tokens[(starts[:, None] + columns[None, :])[inside]]
        return padded

    def folds(self, number: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Cuts the split into parts of images that stand together, equally many but for one.

        Args:
          number: of parts.

        Yields:
          The images of a part, and the numbers of their sentences.
        """
        bounds = [self.num_images * part // number for part in range(number + 1)]
        for start, stop in itertools.pairwise(bounds):
            inside = (self.image_of_caption >= start) & (self.image_of_caption < stop)
            yield slice(start, stop), np.flatnonzero(inside)

    def first_images(self, number: int) -> "Examples":
        """The first images of the split with their sentences; all where there are fewer."""
        number = min(number, self.num_images)
        captions = np.flatnonzero(self.image_of_caption < number)
        lengths = self.lengths[captions]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        of_tokens = np.repeat(self.starts[captions] - starts[:-1], lengths) + np.arange(starts[-1])
        return Examples(
            image_ids=self.image_ids[:number],
            file_names=self.file_names[:number],
            captions=[self.captions[caption] for caption in captions],
            tokens=self.tokens[of_tokens],
            starts=starts,
            image_of_caption=self.image_of_caption[captions],
            features={name: FeatureRows(rows.array, rows.rows[:number]) for name, rows in self.features.items()},
        )

    def image_inputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The image encoder's inputs for images of the split."""
        return {name: rows.take(images) for name, rows in self.features.items()}


def split_examples(
    captions: pd.DataFrame,
    split: str,
    vocabulary: Vocabulary,
    features: Mapping[str, Features],
) -> Examples:
    """Reads a split out of the workspace's tables.

    Args:
      captions: captions.csv.
      split: `train`, `val` or `test`.
      vocabulary: of the data set.
      features: input name of the model -> features of all images.

    Raises:
      WorkspaceError: the split is empty, or an image has no features.
    """
    rows = in_split(captions, split)
    images = images_of(rows)
    row_of_image = {image_id: row for row, image_id in enumerate(images["image_id"])}
    # Flat arrays: lists of MSCOCO's words would be ten times as large.
    tokens, starts = array.array("i"), array.array("q", [0])
    for caption in rows["caption"]:
        tokens.extend(vocabulary.encode(caption))
        starts.append(len(tokens))
    image_ids = images["image_id"].tolist()
    return Examples(
        image_ids=image_ids,
        file_names=images["file_name"].tolist(),
        captions=rows["caption"].tolist(),
        tokens=np.array(tokens, np.int32),
        starts=np.array(starts, np.int64),
        image_of_caption=rows["image_id"].map(row_of_image).to_numpy(np.int32),
        features={name: FeatureRows(stored.array, stored.rows(image_ids)) for name, stored in features.items()},
    )
