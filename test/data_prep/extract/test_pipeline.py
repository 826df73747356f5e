"""Extraction by the workers of a pipeline: the features of the plain command, whatever stopped it."""

import pathlib

import numpy as np
import pytest

pytest.importorskip("apache_beam", reason="Apache Beam (the extra beam) is not installed")

import tiny_runs
from coloured_pictures import colour_grid, coloured_pictures, extract, mean_colour

from cmr.errors import DataError
from cmr.pipelines import running
from cmr.pipelines.runners import Runner
from cmr.workspace import features
from data_prep.extract import extraction

DIRECT = Runner("DirectRunner")


def by_workers(pictures, folder, runner=DIRECT, cnn=None, on_corrupt="refuse"):
    return extraction.extract(cnn or mean_colour(), pictures, folder, 1, 4, on_corrupt, runner=runner)


def assert_same(first, second):
    """Every file of two folders of features is the same, but for the name, times, and what the pictures are now."""
    assert sorted(path.name for path in first.iterdir()) == sorted(path.name for path in second.iterdir())
    for name in (features.FEATURES_NPY, features.IMAGE_IDS_TXT):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    own = {"name": "", "pictures_sha256": ""}
    described = [features.read_extractor(folder) | own for folder in (first, second)]
    assert described[0] == described[1]


def test_the_features_are_those_of_the_plain_command(tmp_path, monkeypatch, portable):
    # A worker has another working directory.
    monkeypatch.chdir(tmp_path)
    here = pathlib.Path()
    pictures, _ = coloured_pictures(here, 43)
    pictures.paths[20].write_bytes(b"")
    extract(pictures, here / "plain", on_corrupt="blank")

    by_workers(pictures, here / "made", portable, on_corrupt="blank")

    assert_same(here / "plain", here / "made")


def test_so_is_a_grid_in_half_precision(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 9)
    extract(pictures, tmp_path / "plain", colour_grid())

    by_workers(pictures, tmp_path / "made", cnn=colour_grid())

    assert_same(tmp_path / "plain", tmp_path / "made")


def test_values_that_are_not_finite_are_refused_as_the_plain_command_refuses_them(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 9)

    with pytest.raises(DataError, match="would hold values that are not finite as float16"):
        by_workers(pictures, tmp_path / "made", cnn=colour_grid(1e6))


def test_two_images_of_one_picture_have_a_row_each(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 5)
    twice = extraction.Pictures([*pictures.image_ids, "again"], [*pictures.paths, pictures.paths[2]])

    by_workers(twice, tmp_path / "made")

    rows = np.array(features.read_features(tmp_path / "made").array)
    np.testing.assert_array_equal(rows[5], rows[2])


def test_all_unreadable_pictures_are_found_at_once_and_only_they_are_read_again(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 23)
    whole = {place: pictures.paths[place].read_bytes() for place in (9, 4)}
    for place in whole:
        pictures.paths[place].write_bytes(b"")
    with pytest.raises(
        DataError, match=r"^2 pictures can't be read, first of them: .*4\.png is empty; mend them, or give"
    ):
        by_workers(pictures, tmp_path / "made")
    for place, path in enumerate(pictures.paths):
        path.write_bytes(whole.get(place, b""))

    by_workers(pictures, tmp_path / "made")

    _, colours = coloured_pictures(tmp_path, 23)
    np.testing.assert_allclose(features.read_features(tmp_path / "made").array, colours, atol=1e-3)


def test_one_unreadable_picture_is_the_plain_commands_sentence(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 9)
    pictures.paths[5].write_bytes(b"")
    said = []
    for run in (lambda: extract(pictures, tmp_path / "a"), lambda: by_workers(pictures, tmp_path / "b")):
        with pytest.raises(DataError) as raised:
            run()
        said.append(str(raised.value))

    assert said[0] == said[1]


def test_workers_go_on_behind_the_rows_of_a_plain_command_and_the_plain_command_ends_what_they_began(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 23)
    extract(pictures, tmp_path / "plain")
    whole = pictures.paths[17].read_bytes()
    pictures.paths[17].write_bytes(b"")
    for run in (extract, by_workers):
        with pytest.raises(DataError):
            run(pictures, tmp_path / f"by_{run.__name__}")
    pictures.paths[17].write_bytes(whole)
    # Were these sixteen read again, they would be refused.
    kept = [path.read_bytes() for path in pictures.paths[:16]]
    for path in pictures.paths[:16]:
        path.write_bytes(b"")

    by_workers(pictures, tmp_path / "by_extract")

    for path, content in zip(pictures.paths[:16], kept, strict=True):
        path.write_bytes(content)
    extract(pictures, tmp_path / "by_by_workers")
    assert_same(tmp_path / "plain", tmp_path / "by_extract")
    assert_same(tmp_path / "plain", tmp_path / "by_by_workers")


def test_other_weights_take_nothing_of_what_was_begun(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 9)
    pictures.paths[5].write_bytes(b"")
    with pytest.raises(DataError):
        by_workers(pictures, tmp_path / "made", cnn=colour_grid(2.0))

    by_workers(pictures, tmp_path / "made", cnn=colour_grid(), on_corrupt="blank")
    extract(pictures, tmp_path / "plain", colour_grid(), on_corrupt="blank")

    assert_same(tmp_path / "plain", tmp_path / "made")


def test_what_is_extracted_needs_no_pipeline(tmp_path, monkeypatch):
    pictures, _ = coloured_pictures(tmp_path, 3)
    first = by_workers(pictures, tmp_path / "made")
    monkeypatch.delattr(running, "run")

    assert by_workers(pictures, tmp_path / "made") == {**first, "seconds": 0.0}


@pytest.mark.parametrize("flag", ["--shard=1/2", "--merge"])
def test_shards_and_a_pipeline_are_two_ways_to_share_the_work(tiny_workspace, flag):
    ended = tiny_runs.call_command("data_prep.extract", *tiny_runs.place(tiny_workspace), "--runner=direct", flag)

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: --runner spreads the work over its workers itself; leave --")
    assert ended.stderr.count("\n") == 1
