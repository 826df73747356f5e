"""<name>.partial and progress.json: rows of an array that goes on being made, checked before they are trusted."""

import contextlib
import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from cmr.errors import DataError
from cmr.workspace import atomic_files, features

PROGRESS = "progress.json"


@dataclasses.dataclass
class _State:
    """progress.json: rows that are safe on the disk, unreadable images among them, and the settings of both."""

    settings: dict
    rows: int = 0
    blank_images: list[str] = dataclasses.field(default_factory=list)


class PartialRows:
    """A `.npy` file of floats that grows by rows, and goes on after a kill from the rows that are safe.

    Args:
      path: of the file when it is whole; until then it is `<name>.partial`, with progress.json beside it.
      settings: that decide the rows; those made with others are begun anew, and so are damaged ones.
      image_ids: of the rows, all of them.
      row_shape: of a row, `(dim,)` or `(cells, dim)`.
      dtype: of the values, little-endian.
    """

    def __init__(
        self,
        path: pathlib.Path,
        settings: dict,
        image_ids: Sequence[str],
        row_shape: tuple[int, ...],
        dtype: np.dtype,
    ):
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._image_ids = image_ids
        self._row_shape = row_shape
        self._dtype = dtype
        self._file: BinaryIO | None = None
        self._state = self._resumed(settings) or _State(settings)

    @property
    def rows(self) -> int:
        """Number of rows so far."""
        return self._state.rows

    @property
    def blank_images(self) -> list[str]:
        """The images among them for which a grey picture stands."""
        return self._state.blank_images

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Opens the file behind the safe rows; saves at the end of the block, also where it fails."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Plain writes, not a memory map: its pages count as memory, and on a full disk it ends in a bus error.
        with open(self._partial, "rb+" if self.rows else "wb") as file:
            if self.rows:
                _read_header(file)
                file.seek(self.rows * self._row_bytes, os.SEEK_CUR)
                file.truncate()
            else:
                np.lib.format.write_array_header_1_0(file, self._header)
            self._file = file
            try:
                yield
            finally:
                self.save()
                self._file = None

    def append(self, rows: np.ndarray, blank_images: Sequence[str]) -> None:
        """Adds rows `[any, *row_shape]` of floats, and names those of them that a grey picture stands for.

        Raises:
          DataError: a value is not finite, or too large for the file's type.
        """
        # What is too large becomes infinite, and is refused as that.
        with np.errstate(over="ignore"):
            kept = rows.astype(self._dtype)
        if not np.isfinite(kept).all():
            raise DataError(
                f"{self._path} would hold values that are not finite as {self._dtype}; check the CNN's weights"
            )
        self._file.write(kept.tobytes())
        self._state.rows += len(rows)
        self._state.blank_images += blank_images

    def save(self) -> None:
        """Makes the rows so far safe."""
        self._file.flush()
        os.fsync(self._file.fileno())
        atomic_files.write_text(self._path.with_name(PROGRESS), json.dumps(dataclasses.asdict(self._state)))

    def finish(self) -> None:
        """Gives the whole file its final name."""
        self._partial.replace(self._path)

    def forget(self) -> None:
        """Removes progress.json, once the whole file is described."""
        self._path.with_name(PROGRESS).unlink()

    @property
    def _header(self) -> dict:
        shape = (len(self._image_ids), *self._row_shape)
        return {"descr": self._dtype.str, "fortran_order": False, "shape": shape}

    @property
    def _row_bytes(self) -> int:
        return math.prod(self._row_shape) * self._dtype.itemsize

    def _resumed(self, settings: dict) -> _State | None:
        """What the folder holds; None where it is not whole rows of these settings."""
        try:
            state = _State(**json.loads((self._path.with_name(PROGRESS)).read_text(encoding="utf-8")))
            whole = state.settings == settings and self._is_sound(state) and self._rows_are_sound(state.rows)
        # Damaged files raise many things, and each of them means the same: begin anew.
        except Exception:
            return None
        return state if whole else None

    def _is_sound(self, state: _State) -> bool:
        return (
            type(state.rows) is int
            and 0 < state.rows <= len(self._image_ids)
            and isinstance(state.blank_images, list)
            and set(state.blank_images) <= set(self._image_ids[: state.rows])
        )

    def _rows_are_sound(self, rows: int) -> bool:
        with open(self._partial, "rb") as file:
            if _read_header(file) != self._header:
                return False
            block_rows = features.block_rows_of(self._row_shape)
            for start in range(0, rows, block_rows):
                count = min(block_rows, rows - start)
                block = np.frombuffer(file.read(count * self._row_bytes), self._dtype)
                if block.nbytes != count * self._row_bytes or not np.isfinite(block).all():
                    return False
        return True


def _read_header(file: BinaryIO) -> dict:
    np.lib.format.read_magic(file)
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    return {"descr": dtype.str, "fortran_order": fortran_order, "shape": shape}
