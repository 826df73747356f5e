"""Extraction in shards: what is merged is what one extraction makes, and what can't be merged is said in a sentence."""

import dataclasses
import errno
import json
import shutil

import numpy as np
import pytest
from coloured_pictures import colour_grid, coloured_pictures, extract, mean_colour
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import WorkspaceError
from cmr.pictures import cnn
from cmr.workspace import features, shards
from cmr.workspace.partial_rows import PartialRows
from cmr.workspace.shards import Shard
from data_prep.extract import sharding
from data_prep.extract.extraction import Extraction, Pictures

COUNT = 3
COMMAND = ["data_prep.extract", "--dataset=flickr8k"]


@pytest.fixture
def pictures(tmp_path):
    return coloured_pictures(tmp_path, 13)[0]


def whole_of(pictures, home, extractor=None):
    return Extraction(extractor or mean_colour(), pictures, home, 1, 4, "refuse")


def make(whole, indexes=range(1, COUNT + 1)):
    for index in indexes:
        sharding.part_of(whole, Shard(index, COUNT)).run()


def merge(whole):
    return sharding.merge(whole, COUNT, COMMAND)


def files_of(folder):
    """What a features' folder holds, but for the CNN (a zip with times) and the times of checked.json."""
    names = (features.FEATURES_NPY, features.IMAGE_IDS_TXT, features.EXTRACTOR_JSON)
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.parametrize("cnn_of", [mean_colour, colour_grid])
def test_merged_features_are_those_of_one_extraction_to_the_byte(tmp_path, pictures, monkeypatch, cnn_of):
    extract(pictures, tmp_path / "one" / "colours", cnn_of())
    whole = whole_of(pictures, tmp_path / "features" / "colours", cnn_of())
    make(whole)
    # So that the rows take several blocks.
    monkeypatch.setattr(features, "_BLOCK_VALUES", 24)

    done = merge(whole)

    assert files_of(whole.folder) == files_of(tmp_path / "one" / "colours")
    assert (whole.folder / cnn.CNN_KERAS).exists()
    assert done["images"] == 13
    assert not list(whole.folder.glob("*.partial"))


def test_a_shard_holds_what_an_extraction_of_its_images_holds(tmp_path, pictures):
    whole = whole_of(pictures, tmp_path / "colours")
    make(whole)

    of_shards = [features.read_features(shard.folder(whole.folder)) for shard in shards.all_of(COUNT)]

    assert sorted(image_id for each in of_shards for image_id in each.image_ids) == sorted(pictures.image_ids)
    assert all(
        shards.index_of(image_id, COUNT) == index
        for index, each in enumerate(of_shards, 1)
        for image_id in each.image_ids
    )
    # The merged folder has it once.
    assert not list(whole.folder.rglob(cnn.CNN_KERAS))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4), count=st.integers(1, 5), stops=st.integers(0, 20))
def test_a_stopped_merge_goes_on_and_gives_every_image_its_row(tmp_path_factory, monkeypatch, sizes, count, stops):
    home = tmp_path_factory.mktemp("merge") / "colours"
    image_ids = [f"{group}-{number}" for group, size in enumerate(sizes) for number in range(size)]
    whole = whole_of(Pictures(image_ids, [home / image_id for image_id in image_ids]), home)
    whole = dataclasses.replace(whole, cnn=dataclasses.replace(whole.cnn, is_saved=False))
    row_of = {image_id: np.full((1, 3), row, np.float32) for row, image_id in enumerate(image_ids)}
    for shard in shards.all_of(count):
        part = sharding.part_of(whole, shard)

        def fill(rows, part=part):
            with rows.open():
                for image_id in part.pictures.image_ids:
                    rows.append(row_of[image_id], [])

        if part.pictures.image_ids:
            part.write((3,), fill)
    monkeypatch.setattr(features, "_BLOCK_VALUES", 6)
    append, left = PartialRows.append, [stops]

    def stopping(self, rows, blank_images):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        append(self, rows, blank_images)

    with monkeypatch.context() as patched:
        patched.setattr(PartialRows, "append", stopping)
        try:
            sharding.merge(whole, count, COMMAND)
        except KeyboardInterrupt:
            assert not (home / features.FEATURES_NPY).exists()

    sharding.merge(dataclasses.replace(whole), count, COMMAND)

    merged = features.read_features(home)
    assert merged.image_ids == tuple(image_ids)
    np.testing.assert_array_equal(np.asarray(merged.array)[:, 0], np.arange(len(image_ids)))


def test_grey_pictures_keep_their_names(tmp_path, pictures):
    for row in (9, 2):
        pictures.paths[row].write_bytes(b"no picture")
    whole = dataclasses.replace(whole_of(pictures, tmp_path / "colours"), on_corrupt="blank")
    make(whole)

    assert merge(whole)["blank_images"] == ["2.png", "9.png"]


def test_a_new_picture_changes_one_shard(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 13)
    fewer = Pictures(pictures.image_ids[:-1], pictures.paths[:-1])
    make(whole_of(fewer, tmp_path / "colours"))
    whole = whole_of(pictures, tmp_path / "colours")

    again = [sharding.part_of(whole, shard).run()["seconds"] > 0 for shard in shards.all_of(COUNT)]

    assert [shard.index for shard, made in zip(shards.all_of(COUNT), again, strict=True) if made] == [
        shards.index_of("12.png", COUNT)
    ]
    merge(whole)
    assert features.read_features(whole.folder).image_ids == tuple(pictures.image_ids)


def test_a_shard_of_no_images_is_not_wanted(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 2)
    whole = whole_of(pictures, tmp_path / "colours")
    with_images = {shards.index_of(image_id, COUNT) for image_id in pictures.image_ids}
    assert {shard.index for shard in sharding.unmade(whole, COUNT)} == with_images

    make(whole, with_images)

    assert sharding.unmade(whole, COUNT) == []
    assert merge(whole)["images"] == 2


def test_what_is_merged_is_not_merged_again_and_needs_no_shards(tmp_path, pictures):
    whole = whole_of(pictures, tmp_path / "colours")
    make(whole)
    merge(whole)
    shutil.rmtree(whole.folder / shards.SHARDS)

    assert merge(whole_of(pictures, tmp_path / "colours"))["seconds"] == 0


def damaged(whole, damage):
    """Damages shard 2 and shard 3 of a whole set."""
    make(whole)
    for index in (2, 3):
        damage(Shard(index, COUNT).folder(whole.folder))


def cut(folder):
    path = folder / features.FEATURES_NPY
    path.write_bytes(path.read_bytes()[:-5])


def flip(folder):
    path = folder / features.FEATURES_NPY
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(bytes(content))


def unfinish(folder):
    (folder / features.EXTRACTOR_JSON).unlink()
    (folder / "progress.json").write_text("{}")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shutil.rmtree, "2 and 3 are missing"),
        (cut, "2 and 3 are cut off or damaged"),
        (flip, "2 and 3 are cut off or damaged"),
        (unfinish, "2 and 3 are unfinished"),
        (lambda folder: (folder / features.EXTRACTOR_JSON).write_text("{"), "2 and 3 are cut off or damaged"),
        (lambda folder: (folder / features.IMAGE_IDS_TXT).unlink(), "2 and 3 are cut off or damaged"),
    ],
)
def test_shards_that_are_not_whole_are_all_named_and_made_by_the_line_that_is_printed(tmp_path, pictures, damage, said):
    whole = whole_of(pictures, tmp_path / "colours")
    damaged(whole, damage)

    with pytest.raises(WorkspaceError) as refused:
        merge(whole)

    assert str(refused.value) == (
        f"of the 3 shards of {whole.folder} {said}; run: for k in 2 3; do python -m data_prep.extract "
        "--dataset=flickr8k --shard=$k/3; done"
    )
    assert not (whole.folder / features.FEATURES_NPY).exists()
    make(whole, (2, 3))
    assert merge(whole)["images"] == 13


def test_shards_of_other_images_than_the_data_sets_are_named(tmp_path):
    pictures, _ = coloured_pictures(tmp_path, 13)
    make(whole_of(pictures, tmp_path / "colours"))
    fewer = Pictures(pictures.image_ids[:-1], pictures.paths[:-1])
    index = shards.index_of("12.png", COUNT)

    with pytest.raises(
        WorkspaceError, match=f"{index} is of other images than the data set has now; run: .*={index}/3"
    ):
        merge(whole_of(fewer, tmp_path / "colours"))


def test_a_shard_of_another_model_is_not_merged(tmp_path, pictures):
    whole = whole_of(pictures, tmp_path / "colours")
    make(whole, (1, 3))
    make(whole_of(pictures, tmp_path / "colours", mean_colour("other weights")), (2,))

    with pytest.raises(WorkspaceError) as refused:
        merge(whole)

    assert str(refused.value) == (
        f"{Shard(2, 3).folder(whole.folder)} is of another CNN than the one to be merged: weights_sha256 'other "
        "weights' and not ''; give the flags that it was extracted with, or remove it and run: python -m "
        "data_prep.extract --dataset=flickr8k --shard=2/3"
    )


def test_a_shard_that_is_done_again_is_left_if_it_is_equal_and_refused_if_it_is_of_another_model(tmp_path, pictures):
    whole = whole_of(pictures, tmp_path / "colours")
    make(whole, (2,))
    part = sharding.part_of(whole, Shard(2, COUNT))

    sharding.refuse_another_cnn(part)
    assert part.run()["seconds"] == 0
    other = sharding.part_of(whole_of(pictures, tmp_path / "colours", mean_colour("other")), Shard(2, COUNT))
    with pytest.raises(
        WorkspaceError, match=r"2-of-3 was extracted with another CNN: weights_sha256 '' and not 'other'"
    ):
        sharding.refuse_another_cnn(other)


def test_a_full_disk_stops_a_merge_which_goes_on_when_there_is_room(tmp_path, pictures, monkeypatch):
    whole = whole_of(pictures, tmp_path / "colours")
    make(whole)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", str(whole.folder))

    with monkeypatch.context() as patched:
        patched.setattr(PartialRows, "append", full)
        with pytest.raises(OSError, match="No space left"):
            merge(whole)
    assert not (whole.folder / features.EXTRACTOR_JSON).exists()

    assert merge(whole)["images"] == 13


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path, pictures, monkeypatch):
    whole = whole_of(pictures, tmp_path / "colours")
    make(whole)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 50, 50))

    with pytest.raises(Exception, match=r"it takes 156 B to merge the shards of colours, and .* has 50 B free"):
        merge(whole)
    assert not list(whole.folder.glob("*.partial"))


def test_a_shard_that_is_being_written_is_not_merged(tmp_path, pictures):
    from cmr.workspace.writer_lock import writer_lock

    whole = whole_of(pictures, tmp_path / "colours")
    make(whole)

    with (
        writer_lock(Shard(2, COUNT).folder(whole.folder)),
        pytest.raises(WorkspaceError, match="2-of-3 is being written"),
    ):
        merge(whole)


def test_features_that_are_not_merged_yet_say_so_to_those_who_read_them(tmp_path, pictures):
    make(whole_of(pictures, tmp_path / "colours"))

    with pytest.raises(
        WorkspaceError, match=r"there are shards in .*; run their data_prep\.extract command with --merge"
    ):
        features.read_features(tmp_path / "colours")


def test_what_an_extraction_left_half_done_is_not_lost_when_shards_are_merged(tmp_path, pictures):
    whole = whole_of(pictures, tmp_path / "colours")
    make(whole)
    rows = PartialRows(whole.folder / features.FEATURES_NPY, whole.settings, pictures.image_ids, (3,), np.dtype("<f4"))
    with rows.open():
        rows.append(np.full((5, 3), 7.0), [])

    merge(whole)

    merged = np.asarray(features.read_features(whole.folder).array)
    assert (merged[:5] == 7).all()
    assert json.loads((whole.folder / features.EXTRACTOR_JSON).read_text())["images"] == 13
