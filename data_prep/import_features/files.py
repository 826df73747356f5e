"""Features made elsewhere: one array in a file, or an array for each image in a file or folder, read by blocks.

`describe` looks at a file without loading it; `FeatureFile.blocks` then reads it with bounded memory:

    file = files.describe("vgg_feats.mat")      # feats, [4096, 8000], single: Karpathy's layout
    for block in file.blocks(images_in_columns=True):   # [at most 1024, 4096]
        ...
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from cmr.errors import ConfigError, DataError
from cmr.workspace import features, mapped, names
from data_prep.import_features import formats
from data_prep.import_features.formats import SUFFIXES, ArrayHeader

BLOCK_IMAGES = 1024

# MATLAB's classes of plain numbers; the others are cell, char, struct, sparse, logical, function, opaque.
_MATLAB_NUMBERS = ("double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


@dataclasses.dataclass(frozen=True)
class FeatureFile:
    """A 2-D array of numbers in a file, one vector an image in a file or folder, or a 3-D array of several an image.

    Attributes:
      path: the file or folder.
      variable: the array's name in the file; "" in .npy, which has none, and for vectors by image.
      shape: as NumPy or MATLAB show it, without axes of size 1 where there are more than two; of three,
        `[images, regions, feature_dim]`.
      dtype: name of the stored type.
      axes: which of the stored axes `shape` is.
      image_ids: of the rows, where the file names its images itself; else empty.
    """

    path: pathlib.Path
    variable: str
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[int, ...] = (0, 1)
    image_ids: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The file, with the variable where there is one, for messages."""
        return f"{self.path}, variable {names.visible(self.variable)}" if self.variable else str(self.path)

    def row_shape(self, images_in_columns: bool) -> tuple[int, ...]:
        """Of an image's features: `(feature_dim,)` or `(regions, feature_dim)`."""
        return self.shape[:1] if images_in_columns else self.shape[1:]

    def blocks(self, images_in_columns: bool, block_images: int = BLOCK_IMAGES) -> Iterator[np.ndarray]:
        """Yields `[at most block_images, *row_shape]` float32 arrays, in the file's order; of regions fewer images.

        All are read by blocks, but for .mat files older than MATLAB 7.3, whose format ends at 2 GB.

        Args:
          images_in_columns: the array is `[feature_dim, images]`.
          block_images: images a block.

        Raises:
          DataError: the file is damaged.
        """
        read = (
            self._blocks_of_vectors(block_images) if self.image_ids else self._blocks(images_in_columns, block_images)
        )
        with formats.readable(self.path):
            for block in read:
                # What is too large for float32 becomes infinite, which whoever checks the values finds.
                with np.errstate(over="ignore"):
                    yield block.astype(np.float32)

    def _blocks(self, images_in_columns: bool, block_images: int) -> Iterator[np.ndarray]:
        with formats.opened_array(self.path, self.variable) as (array, is_transposed):
            axes = [array.ndim - 1 - axis if is_transposed else axis for axis in self.axes]
            if images_in_columns:
                axes = axes[::-1]
            index = [slice(None) if axis in axes else 0 for axis in range(array.ndim)]
            # A block keeps the order in which the axes are stored.
            places = np.argsort(np.argsort(axes))
            block_rows = min(block_images, features.block_rows_of(self.row_shape(images_in_columns)))
            for start in range(0, self.shape[images_in_columns], block_rows):
                index[axes[0]] = slice(start, start + block_rows)
                yield np.asarray(array[tuple(index)]).transpose(places)
                mapped.let_go(array)

    def _blocks_of_vectors(self, block_images: int) -> Iterator[np.ndarray]:
        with formats.opened_arrays(self.path) as arrays:
            for start in range(0, len(self.image_ids), block_images):
                block_ids = self.image_ids[start : start + block_images]
                yield np.stack([np.asarray(arrays[image_id]).reshape(-1) for image_id in block_ids])


def describe(path: str | os.PathLike, variable: str = "") -> FeatureFile:
    """Finds the features in a file or folder, without loading them.

    Args:
      path: a .npy, .npz, .mat, .h5 or .hdf5 file, or a folder of .npy files, one an image.
      variable: which array of a file with several; by default its only 2-D array of numbers, or all of them where each
        is one vector: then their names are the images'.

    Raises:
      DataError: the file is missing, of another kind or damaged, or has no such array, or it is of objects, not 2-D
        or 3-D, or empty.
      ConfigError: scipy is not installed, or a variable is named where arrays have no names.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise DataError(f"{path} is not a file")
    if not path.is_dir() and path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path} ends in none of {', '.join(SUFFIXES)}")
    if variable and (path.is_dir() or path.suffix.lower() == ".npy"):
        raise ConfigError(f"{path} holds arrays without a name; leave --variable out")
    with formats.readable(path):
        headers = formats.arrays_in(path)
    if not variable and (path.is_dir() or (len(headers) > 1 and path.suffix.lower() != ".mat")):
        by_image = _vectors(path, headers)
        if by_image is not None:
            return by_image
    name = _choose(path, headers, variable)
    header = headers[name]
    axes = _axes(header.shape)
    result = FeatureFile(path, name, tuple(header.shape[axis] for axis in axes), header.dtype, axes)
    if not _is_numeric(header):
        raise DataError(
            f"{result.label} holds {header.dtype} values, not plain numbers (pickles are never opened); "
            "save it as an array of floats"
        )
    if len(result.shape) not in (2, 3):
        raise DataError(
            f"{result.label} is {len(header.shape)}-D, {list(header.shape)}; features are 2-D, one vector an image, or "
            "3-D, [images, regions, feature_dim]"
        )
    if 0 in result.shape:
        raise DataError(f"{result.label} is empty, {list(header.shape)}")
    return result


def _vectors(path: pathlib.Path, headers: Mapping[str, ArrayHeader]) -> FeatureFile | None:
    """The arrays as one vector an image each; None where they are others, which a folder can't have."""
    sizes = {}
    for name, header in headers.items():
        longest = max(header.shape, default=0)
        if not _is_numeric(header) or int(np.prod(header.shape, dtype=object)) != longest or longest < 2:
            if path.is_dir():
                raise DataError(
                    f"{path / f'{name}.npy'} is {list(header.shape)} {header.dtype}, not one vector of an image; give "
                    "a folder of one vector a file, or one file of all images"
                )
            return None
        sizes.setdefault(longest, name)
    if not sizes:
        raise DataError(f"{path} holds no .npy file; give a folder of one vector a file, or one file of all images")
    if len(sizes) > 1:
        if not path.is_dir():
            return None
        (size, name), (other_size, other) = list(sizes.items())[:2]
        raise DataError(
            f"{path} has {size} numbers for {names.visible(name)} and {other_size} for {names.visible(other)}; give "
            "those of one network"
        )
    dtype = next(iter(headers.values())).dtype
    return FeatureFile(path, "", (len(headers), next(iter(sizes))), dtype, image_ids=tuple(headers))


def _choose(path: pathlib.Path, headers: Mapping[str, ArrayHeader], variable: str) -> str:
    shown = names.first_few([f"{name} {list(header.shape)}" for name, header in headers.items()]) or "no array"
    there = f"{len(headers):,} arrays, such as {shown}" if len(headers) > names.MOST_SHOWN else shown
    if variable:
        if variable not in headers:
            raise DataError(f"{path} has no variable {names.visible(variable)}; it holds {there}")
        return variable
    if len(headers) == 1:
        return next(iter(headers))
    # MATLAB shows a number as [1, 1] and a list as [1, n].
    matrices = []
    for name, header in headers.items():
        sizes = [header.shape[axis] for axis in _axes(header.shape)]
        if _is_numeric(header) and len(sizes) == 2 and 1 not in sizes:
            matrices.append(name)
    if len(matrices) != 1:
        raise DataError(f"{path} holds {there}; name the features with --variable")
    return matrices[0]


def _axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes longer than 1, where there are more than two and two of them are: [N, 1, 1, D] is [N, D]."""
    longer = tuple(axis for axis, size in enumerate(shape) if size != 1)
    return longer if len(shape) > 2 and len(longer) == 2 else tuple(range(len(shape)))


def _is_numeric(header: ArrayHeader) -> bool:
    return header.dtype in _MATLAB_NUMBERS or header.dtype.startswith("float")
