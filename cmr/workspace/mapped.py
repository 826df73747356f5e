"""Memory maps that are gone through once, block by block."""

import mmap

import numpy as np


def let_go(array: np.ndarray) -> None:
    """Gives back the pages of a memory map that were touched so far; what was written to them is kept.

    They would count as the process's memory until the system wants them back, which for MSCOCO's features is 4 GB.
    Other arrays, and systems that can't, are left as they are.

    Args:
      array: of `numpy.lib.format.open_memmap`, of mode `r` or `r+`; not a copy on write.
    """
    # NumPy has no public way to its map.
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
