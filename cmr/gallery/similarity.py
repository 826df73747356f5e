"""Exact similarities of a query and very many rows: blocks of a memory map, one matrix product each."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

# 16,384 rows of 512 values are 32 MB in float32: large enough for the product to use every core, and no more memory.
_BLOCK_VALUES = 1 << 23

# A multiple of the rows that any CPU's kernel takes at once.
_KERNEL_ROWS = 64

# Of places that are put in order, where the first ones were too few.
_GROWTH = 4

# TensorFlow's kernels read memory at multiples of this.
_ALIGNMENT = 64


def similarities(rows: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Dot products of all rows with queries, in float32.

    Args:
      rows: `[num_rows, dim]` float16 or float32, in memory or mapped.
      queries: `[num_queries, dim]` float32.

    Returns:
      `[num_rows, num_queries]` float32.
    """
    result = np.empty((len(rows), len(queries)), np.float32)
    transposed = tf.constant(np.ascontiguousarray(queries.T, np.float32))
    for block in _blocks(*rows.shape):
        result[block] = _product(rows[block], transposed)
    return result


def _product(block: np.ndarray, transposed: tf.Tensor) -> np.ndarray:
    # A few rows take other kernels, whose last bit may be another: a score must not depend on a row's neighbours.
    if len(block) < _KERNEL_ROWS:
        filled = np.zeros((_KERNEL_ROWS, block.shape[1]), block.dtype)
        filled[: len(block)] = block
        return _product(filled, transposed)[: len(block)]
    return tf.matmul(tf.cast(_shared(block), tf.float32), transposed).numpy()


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """Places of the largest scores, largest first, of equal ones the earlier first.

    Args:
      scores: `[num_rows]`; those of minus infinity are never among the best.
      count: places at most.

    Returns:
      `[at most count]` int64.
    """
    count = min(count, int(np.count_nonzero(scores > -np.inf)))
    if not count:
        return np.zeros(0, np.int64)
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    places = np.flatnonzero(scores >= least)
    # flatnonzero counts up and the sort is stable.
    return places[np.argsort(-scores[places], kind="stable")][:count]


def in_order(scores: np.ndarray, count: int) -> Iterator[int]:
    """All places in the order of `best`; of many rows only those that are taken are sorted.

    Args:
      scores: as of `best`.
      count: places that are likely to be taken.
    """
    passed = 0
    while len(places := best(scores, count)) > passed:
        yield from places[passed:].tolist()
        # Each look goes over all scores, so that there should be few.
        passed, count = len(places), _GROWTH * count


def _blocks(num_rows: int, dim: int) -> Iterator[slice]:
    # So that every block begins where the first one may; the rows left over are a block of their own.
    size = max(_KERNEL_ROWS, _BLOCK_VALUES // dim // _KERNEL_ROWS * _KERNEL_ROWS)
    whole = num_rows // _KERNEL_ROWS * _KERNEL_ROWS
    for start in range(0, whole, size):
        yield slice(start, min(start + size, whole))
    if whole < num_rows:
        yield slice(whole, num_rows)


def _shared(block: np.ndarray) -> tf.Tensor:
    """A tensor on the array's own memory: copying 1 GB of rows takes as long as multiplying them."""
    if block.ctypes.data % _ALIGNMENT or not block.flags.writeable:
        return tf.convert_to_tensor(block)
    return tf.experimental.dlpack.from_dlpack(block.__dlpack__())
