"""Rows of an array in a `.npy` file, read when they are asked for.

Not a memory map: the pages that a map has touched count as the process's memory until the system wants them back, which
for MSCOCO's features is all 3 GB after an epoch.
"""

import math
import os
import pathlib

import numpy as np

from cmr.errors import WorkspaceError
from cmr.workspace.numpy_files import UNREADABLE


class StoredRows:
    """An array on the disk, of two axes or more: `rows[numbers]` and `rows[start:stop]` read those rows alone.

    Args:
      path: of the `.npy` file.

    Raises:
      ValueError: the file is no whole `.npy` file of one C-ordered array of numbers in rows; it says why.
    """

    def __init__(self, path: str | os.PathLike):
        self._path = pathlib.Path(path)
        # NumPy checks header and size; nothing of the map is read.
        try:
            mapped = np.load(self._path, mmap_mode="r")
        except UNREADABLE as error:
            raise ValueError(f"not a whole .npy file: {' '.join(str(error).split())}") from error
        if not isinstance(mapped, np.memmap) or mapped.ndim < 2 or not mapped.flags.c_contiguous:
            raise ValueError("not one array of rows in C order")
        if self._path.stat().st_size != mapped.offset + mapped.nbytes:
            raise ValueError("longer than its array")
        self.shape: tuple[int, ...] = mapped.shape
        self.dtype: np.dtype = mapped.dtype
        self._begin = mapped.offset
        self._row_bytes = math.prod(mapped.shape[1:]) * mapped.dtype.itemsize
        self._file = open(self._path, "rb", buffering=0)  # noqa: SIM115, closed with the object

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Reads rows.

        Args:
          rows: a slice without step, or row numbers `[any]`.

        Returns:
          `[number of rows, *a row's shape]`.

        Raises:
          WorkspaceError: the file got shorter since it was opened.
        """
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            block = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype)
            if len(block):
                self._read(start, block)
            return block
        taken = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for place, row in enumerate(rows):
            self._read(int(row), taken[place])
        return taken

    def header(self) -> bytes:
        """The bytes of the file before the first row."""
        return os.pread(self._file.fileno(), self._begin, 0)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """The whole array, in memory."""
        return np.asarray(self[:], dtype)

    def _read(self, row: int, into: np.ndarray) -> None:
        # A read at a place, and not a seek, so that threads may read at once.
        view, place = memoryview(into).cast("B"), self._begin + row * self._row_bytes
        while view:
            count = os.preadv(self._file.fileno(), [view], place)
            if not count:
                raise WorkspaceError(
                    f"{self._path} got shorter while it was read; remove {self._path.parent} and give the command that "
                    "made it again"
                )
            view, place = view[count:], place + count
