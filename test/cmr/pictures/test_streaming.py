"""Features of picture files as a stream: in order, in batches, bad pictures named and never the end of it."""

import threading

import keras
import numpy as np
import pytest
from PIL import Image

from cmr.errors import DataError
from cmr.pictures import files, streaming
from cmr.pictures.cnn import Cnn

_SIDE = 8


@pytest.fixture(scope="module")
def mean_colour() -> Cnn:
    squares = keras.Input((_SIDE, _SIDE, 3))
    return Cnn(keras.Model(squares, keras.layers.GlobalAveragePooling2D()(squares)), 1)


@pytest.fixture
def pictures(tmp_path):
    """Paths of eleven plain pictures, and their colours."""
    colours = np.random.default_rng(5).integers(256, size=(11, 3))
    paths = [tmp_path / f"{number}.png" for number in range(11)]
    for path, colour in zip(paths, colours, strict=True):
        Image.new("RGB", (20, 10), tuple(colour.tolist())).save(path)
    return paths, colours


@pytest.mark.parametrize("crops", [1, 10])
def test_rows_come_in_the_order_of_the_pictures(mean_colour, pictures, crops):
    paths, colours = pictures

    batches = list(streaming.stream_features(Cnn(mean_colour.model, crops), paths, batch_size=4))

    assert [len(batch.rows) for batch in batches] == ([4, 4, 3] if crops == 1 else [1] * 11)
    np.testing.assert_allclose(np.concatenate([batch.rows for batch in batches]), colours, atol=1e-3)
    assert not any(batch.failures for batch in batches)


def test_bad_pictures_are_named_and_the_stream_goes_on(mean_colour, pictures, shared):
    paths, colours = pictures
    paths[1].write_bytes(b"no picture")
    paths[5].unlink()
    paths[6].unlink()
    paths[6].mkdir()
    paths.append(shared / "cases" / "bad-exif.jpg")

    first, second, third = streaming.stream_features(mean_colour, paths, batch_size=4)

    assert list(first.failures) == [1]
    assert "1.png is not a picture" in first.failures[1]
    assert [("5.png does not exist" in second.failures[1]), "6.png can't be" in second.failures[2]] == [True, True]
    assert not third.failures
    np.testing.assert_allclose(first.rows, [colours[0], [files.GREY] * 3, colours[2], colours[3]], atol=1e-3)


def test_bytes_and_paths_give_the_same_features(mean_colour, pictures):
    paths, colours = pictures

    (batch,) = streaming.stream_features(mean_colour, [path.read_bytes() for path in paths])

    np.testing.assert_allclose(batch.rows, colours, atol=1e-3)


def test_no_pictures_are_no_batches(mean_colour):
    assert list(streaming.stream_features(mean_colour, [])) == []


def test_no_more_than_two_batches_are_read_ahead(mean_colour, pictures):
    paths, _ = pictures
    taken = []

    def sources():
        for path in paths:
            taken.append(path)
            yield path

    stream = streaming.stream_features(mean_colour, sources(), batch_size=2)
    next(stream)

    assert len(taken) == 6
    stream.close()


def test_a_stream_that_is_left_leaves_no_reader_behind(mean_colour, pictures):
    before = threading.active_count()
    stream = streaming.stream_features(mean_colour, pictures[0], batch_size=2)
    next(stream)

    stream.close()

    assert threading.active_count() == before


def test_all_features_at_once_need_all_pictures(mean_colour, pictures):
    paths, colours = pictures
    np.testing.assert_allclose(streaming.features_of_files(mean_colour, paths), colours, atol=1e-3)
    paths[7].write_bytes(b"")

    with pytest.raises(DataError, match=r"7\.png is empty"):
        streaming.features_of_files(mean_colour, paths)
