"""A CNN's last map as a grid: which cell is where, and coarser grids as means."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import ConfigError
from cmr.pictures.cnn import Cnn, write_cnn
from cmr.workspace import features
from data_prep.extract import grid


def _cells(maps: np.ndarray, side: int) -> np.ndarray:
    inputs = keras.Input(maps.shape[1:])
    model = keras.Model(inputs, grid.cells_of(inputs, side))
    return keras.ops.convert_to_numpy(model(maps))


def _maps(side: int, dim: int = 2) -> np.ndarray:
    return np.random.default_rng(side).normal(size=(3, side, side, dim)).astype(np.float32)


@pytest.mark.parametrize("side", [0, 5])
def test_cells_stand_by_rows_from_the_top_left(side):
    maps = _maps(5)

    np.testing.assert_array_equal(_cells(maps, side), maps.reshape(3, 25, 2))


@settings(max_examples=10, deadline=None)
@given(map_side=st.integers(1, 9), side=st.integers(1, 9))
def test_a_coarse_cell_is_the_mean_of_what_it_covers(map_side, side):
    side = min(side, map_side)
    maps = _maps(map_side)

    cells = _cells(maps, side)

    # Every position stands for side x side points, and every cell has map_side x map_side of them.
    points = maps.astype(np.float64).repeat(side, axis=1).repeat(side, axis=2)
    for row, column in itertools.product(range(side), repeat=2):
        part = points[:, row * map_side : (row + 1) * map_side, column * map_side : (column + 1) * map_side]
        np.testing.assert_allclose(cells[:, row * side + column], part.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)


def test_the_mean_over_all_cells_is_the_pooled_feature():
    maps = _maps(9)

    np.testing.assert_allclose(_cells(maps, 4).mean(axis=1), maps.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)


def test_a_finer_grid_than_the_map_is_refused():
    with pytest.raises(ConfigError, match=r"--grid_side=6 is more than the 5 of this CNN's last map"):
        _cells(_maps(5), 6)


def test_a_grid_is_the_same_read_back_from_its_file(tmp_path):
    inputs = keras.Input((9, 9, 3))
    model = keras.Model(inputs, grid.cells_of(inputs, 4))
    write_cnn(tmp_path, model)

    read_back = keras.saving.load_model(tmp_path / "cnn.keras", safe_mode=True)

    maps = _maps(9, 3)
    np.testing.assert_array_equal(read_back(maps), model(maps))
    assert Cnn(read_back, 1).row_shape == (16, 3)
    assert features.dtype_of((16, 3)) == np.float16
