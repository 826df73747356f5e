"""The arrays in .npy, .npz, .mat and .h5 files and in folders of .npy files: their headers, and the arrays opened.

A header is believed only as far as its file goes: what says more than the file can hold is refused before anything is
made room for.
"""

import contextlib
import dataclasses
import math
import pathlib
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from cmr.errors import CmrError, ConfigError, DataError
from data_prep import disk_space

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")
SUFFIXES = (".npy", ".npz", ".mat", *HDF5_SUFFIXES)

# What zlib makes of zeros (zlib.net/zlib_tech.html); nothing expands to more.
_MOST_EXPANSION = 1032


@dataclasses.dataclass(frozen=True)
class ArrayHeader:
    """Shape of an array as NumPy or MATLAB show it, and the name of its stored type."""

    shape: tuple[int, ...]
    dtype: str


def arrays_in(path: pathlib.Path) -> dict[str, ArrayHeader]:
    """The arrays of a file by name ("" in .npy, which has none), without reading their values.

    In a folder, those of the `.npy` files below it, whose names are the paths from there without `.npy`.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*.npy"))
        return {name.removesuffix(".npy"): _npy_header(path / name) for name in names}
    if suffix == ".npy":
        return {"": _npy_header(path)}
    if suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            return {member.filename.removesuffix(".npy"): _npz_header(archive, member) for member in members}
    import h5py

    if suffix == ".mat" and not h5py.is_hdf5(path):
        return _matlab_headers(path)
    with h5py.File(path) as file:
        headers: dict[str, ArrayHeader] = {}
        file.visititems(
            lambda name, item: headers.update(
                {name: _hdf5_header(path, item)} if isinstance(item, h5py.Dataset) else {}
            )
        )
        # MATLAB keeps what cells point to in a group of its own.
        return {name: header for name, header in headers.items() if not name.startswith("#")}


@contextlib.contextmanager
def opened_array(path: pathlib.Path, name: str) -> Iterator[tuple[Any, bool]]:
    """Opens one array to slice, and says whether its axes stand the other way round than its header's shape."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        yield np.lib.format.open_memmap(path, mode="r"), False
        return
    if suffix == ".npz":
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
            disk_space.require(pathlib.Path(folder), member.file_size, f"unpack {path}", "folder with TMPDIR")
            yield np.lib.format.open_memmap(archive.extract(member, folder), mode="r"), False
        return
    import h5py

    if suffix in HDF5_SUFFIXES or h5py.is_hdf5(path):
        with h5py.File(path) as file:
            yield file[name], suffix == ".mat"
        return
    array = _scipy_io(path).loadmat(path, variable_names=[name])[name]
    if np.iscomplexobj(array):
        raise DataError(f"{path}, variable {name} holds complex numbers")
    yield array, False


@contextlib.contextmanager
def opened_arrays(path: pathlib.Path) -> Iterator[Any]:
    """Opens all arrays of a .npz or HDF5 file or of a folder: what is yielded gives each by its name."""
    if path.is_dir():
        yield _NpyFolder(path)
    elif path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            yield archive
    else:
        import h5py

        with h5py.File(path) as file:
            yield file


class _NpyFolder:
    def __init__(self, path: pathlib.Path):
        self._path = path

    def __getitem__(self, name: str) -> np.ndarray:
        return np.load(self._path / f"{name}.npy", allow_pickle=False)


@contextlib.contextmanager
def readable(path: pathlib.Path) -> Iterator[None]:
    """Turns whatever a reader trips over in a damaged file into a DataError."""
    try:
        yield
    except CmrError:
        raise
    # The readers of .npz, .mat and .h5 fail on a damaged file with any error.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"{path} can't be read as {path.suffix.lower() or 'a folder'} ({error}); it is damaged, cut off or of "
            "another format"
        ) from error


def _npy_header(path: pathlib.Path) -> ArrayHeader:
    with readable(path), open(path, "rb") as file:
        return _header(file, path.stat().st_size)


def _npz_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> ArrayHeader:
    if (
        member.file_size > _MOST_EXPANSION * max(1, member.compress_size)
        and member.compress_type == zipfile.ZIP_DEFLATED
    ):
        raise ValueError(f"{member.filename} says that it expands to {disk_space.readable(member.file_size)}")
    with archive.open(member) as file:
        return _header(file, member.file_size)


def _header(file, size: int) -> ArrayHeader:
    """Header of an array whose file, or member of an archive, has `size` bytes."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    # Objects have a size of their own, and are refused for what they are.
    needed = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and (min(shape, default=0) < 0 or needed > size - file.tell()):
        raise ValueError(
            f"its header says {list(shape)} {dtype.name}, {disk_space.readable(needed)}, and there are "
            f"{disk_space.readable(size)}"
        )
    return ArrayHeader(shape, dtype.name)


def _matlab_headers(path: pathlib.Path) -> dict[str, ArrayHeader]:
    headers = {name: ArrayHeader(shape, kind) for name, shape, kind in _scipy_io(path).whosmat(path)}
    for name, header in headers.items():
        # MATLAB stores whole numbers in a byte each, and may compress them. Its sparse matrices are refused later.
        if header.dtype != "sparse" and math.prod(header.shape) > _MOST_EXPANSION * path.stat().st_size:
            raise ValueError(f"{name} says that it is {list(header.shape)}")
    return headers


def _hdf5_header(path: pathlib.Path, dataset) -> ArrayHeader:
    kind = np.bytes_(dataset.attrs.get("MATLAB_class", b"")).decode() or dataset.dtype.name
    if "MATLAB_empty" in dataset.attrs:
        # HDF5 can't hold an empty array: MATLAB stores the array's size in its place.
        return ArrayHeader(tuple(map(int, dataset[()])), kind)
    shape = dataset.shape or ()
    # HDF5 reads zeros where nothing was ever written.
    if not dataset.is_virtual and not dataset.external:
        stored = dataset.id.get_storage_size()
        if math.prod(shape) * dataset.dtype.itemsize > _MOST_EXPANSION * stored:
            raise ValueError(f"{dataset.name} says {list(shape)}, of which {disk_space.readable(stored)} were written")
    # MATLAB stores by columns and HDF5 by rows, so the axes stand the other way round in the file.
    return ArrayHeader(shape[::-1] if path.suffix.lower() == ".mat" else shape, kind)


def _scipy_io(path: pathlib.Path):
    try:
        import scipy.io
    except ImportError as error:
        raise ConfigError(f"reading {path} takes scipy; run: pip install 'cmr[mat]'") from error
    return scipy.io
