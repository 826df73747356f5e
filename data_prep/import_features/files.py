"""Feature files made elsewhere: arrays out of .npy, .npz and .mat by blocks, and the id lists that name their images.

`describe` looks at a file without loading it; `FeatureFile.blocks` then reads it with bounded memory:

    file = feature_files.describe("vgg_feats.mat")      # feats, [4096, 8000], single: Karpathy's layout
    for block in file.blocks(images_in_columns=True):   # [at most 1024, 4096]
        ...
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import tempfile
import zipfile
from collections.abc import Iterator

import numpy as np

from cmr.errors import CmrError, ConfigError, DataError

SUFFIXES = (".npy", ".npz", ".mat")
BLOCK_IMAGES = 1024

# MATLAB's classes of plain numbers; the others are cell, char, struct, sparse, logical, function, opaque.
_MATLAB_NUMBERS = ("double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


@dataclasses.dataclass(frozen=True)
class FeatureFile:
    """A 2-D array of numbers in a file.

    Attributes:
      path: the file.
      variable: its name in the file; "" in .npy, which has none.
      shape: as NumPy or MATLAB show it.
      dtype: name of the stored type.
    """

    path: pathlib.Path
    variable: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def label(self) -> str:
        """The file, with the variable where there is one, for messages."""
        return f"{self.path}, variable {self.variable}" if self.variable else str(self.path)

    def blocks(self, images_in_columns: bool, block_images: int = BLOCK_IMAGES) -> Iterator[np.ndarray]:
        """Yields `[at most block_images, feature_dim]` float32 arrays, in the file's order.

        .npy, .npz and MATLAB 7.3 files are read by blocks; older .mat files, whose format ends at 2 GB, are loaded.

        Args:
          images_in_columns: the array is `[feature_dim, images]`.
          block_images: images a block.

        Raises:
          DataError: the file is damaged.
        """
        with _readable(self.path), _opened(self) as (array, is_transposed):
            for start in range(0, self.shape[images_in_columns], block_images):
                images = slice(start, start + block_images)
                block = array[:, images].T if images_in_columns != is_transposed else array[images]
                # What is too large for float32 becomes infinite, which whoever checks the values finds.
                with np.errstate(over="ignore"):
                    yield block.astype(np.float32)


def describe(path: str | os.PathLike, variable: str = "") -> FeatureFile:
    """Finds the features in a file, without loading them.

    Args:
      path: a .npy, .npz or .mat file.
      variable: which array of a .npz or .mat file; by default its only 2-D array of numbers.

    Raises:
      DataError: the file is missing, of another kind or damaged, or has no such array, or it is of objects, not 2-D
        or empty.
      ConfigError: scipy is not installed, or a variable is named for a .npy file.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not a file")
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path} ends in none of {', '.join(SUFFIXES)}")
    if variable and path.suffix.lower() == ".npy":
        raise ConfigError(f"{path} holds one array without a name; leave --variable out")
    with _readable(path):
        arrays = _arrays_in(path)
    result = _choose(path, arrays, variable)
    if not _is_numeric(result):
        raise DataError(
            f"{result.label} holds {result.dtype} values, not plain numbers (pickles are never opened); "
            "save it as an array of floats"
        )
    if len(result.shape) != 2:
        raise DataError(
            f"{result.label} is {len(result.shape)}-D, {list(result.shape)}; features are 2-D, one vector an image"
        )
    if 0 in result.shape:
        raise DataError(f"{result.label} is empty, {list(result.shape)}")
    return result


def read_image_ids(path: str | os.PathLike) -> list[str]:
    """Reads which image each row belongs to.

    Args:
      path: a text file with an image id, file name or path a line (a caption id `<image>#<n>`, with or without its
        sentence after a tab, names its image), or Karpathy's dataset json (`images[i].filename`, ordered by `imgid`).

    Raises:
      DataError: the file is missing, of another kind, or names no image.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not a file")
    try:
        text = path.read_text(encoding="utf-8-sig")
        image_ids = _karpathy_image_ids(text) if path.suffix.lower() == ".json" else _listed_image_ids(text)
    except (ValueError, KeyError, TypeError) as error:
        expected = "Karpathy's dataset json (images[i].filename)" if path.suffix.lower() == ".json" else "UTF-8 text"
        raise DataError(f"{path} is not {expected}: {error!r}") from error
    if not image_ids:
        raise DataError(f"{path} names no image")
    return image_ids


def _listed_image_ids(text: str) -> list[str]:
    if "\0" in text:
        raise ValueError("it holds zero bytes")
    first_columns = (line.split("\t")[0].strip() for line in text.split("\n"))
    return [re.sub(r"#\d+$", "", name) for name in first_columns if name]


def _karpathy_image_ids(text: str) -> list[str]:
    images = json.loads(text)["images"]
    names = [str(image["filename"]) for image in images]
    numbers = [image.get("imgid") for image in images]
    # imgid is the column of vgg_feats.mat; a list of part of the data set has gaps and stands in its file's order.
    if set(numbers) == set(range(len(names))):
        return [name for _, name in sorted(zip(numbers, names, strict=True))]
    return names


def _choose(path: pathlib.Path, arrays: dict[str, FeatureFile], variable: str) -> FeatureFile:
    names = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items()) or "no array"
    if variable:
        if variable not in arrays:
            raise DataError(f"{path} has no variable {variable}; it holds {names}")
        return arrays[variable]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    # MATLAB shows a number as [1, 1] and a list as [1, n].
    matrices = [
        array for array in arrays.values() if _is_numeric(array) and len(array.shape) == 2 and 1 not in array.shape
    ]
    if len(matrices) != 1:
        raise DataError(f"{path} holds {names}; name the features with --variable")
    return matrices[0]


def _is_numeric(array: FeatureFile) -> bool:
    return array.dtype in _MATLAB_NUMBERS or array.dtype.startswith("float")


def _arrays_in(path: pathlib.Path) -> dict[str, FeatureFile]:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        with open(path, "rb") as file:
            return {"": FeatureFile(path, "", *_npy_header(file))}
    if suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            by_name = {}
            for name in members:
                with archive.open(name) as file:
                    by_name[name.removesuffix(".npy")] = FeatureFile(
                        path, name.removesuffix(".npy"), *_npy_header(file)
                    )
            return by_name
    import h5py

    if not h5py.is_hdf5(path):
        return {name: FeatureFile(path, name, shape, kind) for name, shape, kind in _scipy_io(path).whosmat(path)}
    with h5py.File(path) as file:
        datasets = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        return {name: FeatureFile(path, name, *_hdf5_header(dataset)) for name, dataset in datasets.items()}


def _npy_header(file) -> tuple[tuple[int, ...], str]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype.name


def _hdf5_header(dataset) -> tuple[tuple[int, ...], str]:
    kind = np.bytes_(dataset.attrs.get("MATLAB_class", b"")).decode() or dataset.dtype.name
    if "MATLAB_empty" in dataset.attrs:
        # HDF5 can't hold an empty array: MATLAB stores the array's size in its place.
        return tuple(map(int, dataset[()])), kind
    # MATLAB stores by columns and HDF5 by rows, so the axes stand the other way round in the file.
    return (dataset.shape or ())[::-1], kind


@contextlib.contextmanager
def _opened(file: FeatureFile) -> Iterator[tuple[np.ndarray, bool]]:
    """Yields something to slice, and whether its axes stand the other way round than `file.shape`."""
    suffix = file.path.suffix.lower()
    if suffix == ".npy":
        yield np.lib.format.open_memmap(file.path, mode="r"), False
        return
    if suffix == ".npz":
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(file.path) as archive:
            yield np.lib.format.open_memmap(archive.extract(f"{file.variable}.npy", folder), mode="r"), False
        return
    import h5py

    if h5py.is_hdf5(file.path):
        with h5py.File(file.path) as opened:
            yield opened[file.variable], True
        return
    array = _scipy_io(file.path).loadmat(file.path, variable_names=[file.variable])[file.variable]
    if np.iscomplexobj(array):
        raise DataError(f"{file.label} holds complex numbers")
    yield array, False


def _scipy_io(path: pathlib.Path):
    try:
        import scipy.io
    except ImportError as error:
        raise ConfigError(f"reading {path} takes scipy; run: pip install 'cmr[mat]'") from error
    return scipy.io


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except CmrError:
        raise
    # The readers of .npz and .mat fail on a damaged file with whatever they trip over.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"{path} can't be read as {path.suffix.lower()} ({error}); it is damaged, cut off or of another format"
        ) from error
