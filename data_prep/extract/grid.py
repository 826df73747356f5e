"""A CNN's last map as a grid: its cells by rows from the top left, or means of them over a coarser one."""

import keras
import numpy as np

from cmr.errors import ConfigError


def cells_of(maps: keras.KerasTensor, side: int) -> keras.KerasTensor:
    """Vectors of the cells of a map.

    A cell of a coarser grid is the mean over the part of the map that it covers; positions on its edge count by the
    share of them that lies inside. So the mean over all cells is the mean over all positions, the pooled feature.

    Args:
      maps: `[batch, map side, map side, feature_dim]`.
      side: of the grid; 0 takes the map's own.

    Returns:
      `[batch, side * side, feature_dim]`, cell `side * row + column`.

    Raises:
      ConfigError: the map is coarser than the grid.
    """
    map_side, _, dim = maps.shape[1:]
    if side > map_side:
        raise ConfigError(f"--grid_side={side} is more than the {map_side} of this CNN's last map")
    if side and side != map_side:
        shares = _shares(map_side, side)
        for axis, (equation, shape) in enumerate(
            (("bhwd,hi->biwd", (side, map_side, dim)), ("bhwd,wj->bhjd", (side, side, dim)))
        ):
            mean = keras.layers.EinsumDense(equation, shape, trainable=False, name=f"cells_axis{axis}")
            maps = mean(maps)
            mean.set_weights([shares])
    return keras.layers.Reshape((-1, dim), name="cells")(maps)


def _shares(map_side: int, side: int) -> np.ndarray:
    """`[map_side, side]` float32: the share of each cell that lies in each position, along one axis."""
    positions, cells = np.arange(map_side)[:, None], np.arange(side)[None, :]
    size = map_side / side
    inside = np.minimum(positions + 1, (cells + 1) * size) - np.maximum(positions, cells * size)
    return (np.maximum(inside, 0) / size).astype(np.float32)
