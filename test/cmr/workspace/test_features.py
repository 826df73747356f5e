"""features/<name>/: rows by image id through a memory map, and what is refused."""

import contextlib
import hashlib
import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import WorkspaceError
from cmr.workspace import features
from cmr.workspace.features import Features
from cmr.workspace.fingerprints import Fingerprint

ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)
IDS = ("b.jpg", "a.jpg", "c.jpg")

# The least that features say of themselves, and all that an extraction says.
NAMED = {"name": "vgg16-fc7", "model": "vgg16", "stand_in": ""}
EXTRACTOR = {
    **NAMED,
    "layer": "fc7",
    "weights": "imagenet",
    "weights_sha256": "",
    "crops": 1,
    "input_size": 224,
    "feature_dim": 4,
    "images": 3,
    "image_ids_sha256": features.image_ids_sha256(IDS),
    "blank_images": ["c.jpg"],
    "sources": {},
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "features" / "vgg16-fc7"
    path.mkdir(parents=True)
    np.save(path / "features.npy", ARRAY)
    features.write_description(path, IDS, EXTRACTOR)
    return path


def test_features_are_read_from_the_disk(folder):
    opened = features.read_features(folder)

    np.testing.assert_array_equal(opened.array, ARRAY)
    assert (opened.name, opened.feature_dim, opened.image_ids) == ("vgg16-fc7", 4, IDS)
    assert opened.extractor == EXTRACTOR


def test_a_grid_has_vectors_of_its_cells(tmp_path):
    array = np.arange(24, dtype=np.float16).reshape(3, 4, 2)
    folder = tmp_path / "grid"
    folder.mkdir()
    np.save(folder / "features.npy", array)
    features.write_description(folder, IDS, {**NAMED, "cells": 4, "feature_dim": 2})

    opened = features.read_grid(folder)

    assert (opened.cells, opened.feature_dim) == (4, 2)
    np.testing.assert_array_equal(opened.array[opened.rows(["c.jpg", "b.jpg"])], array[[2, 0]])
    assert len(opened.checksum()) == 64


def test_a_grid_is_no_vector_and_a_vector_no_grid(folder):
    with pytest.raises(WorkspaceError, match="holds one vector an image, and a grid is read here"):
        features.read_grid(folder)
    np.save(folder / "features.npy", np.zeros((3, 2, 4), np.float16))
    features.write_description(folder, IDS, {**EXTRACTOR, "cells": 2})
    with pytest.raises(WorkspaceError, match="is a grid, 2 vectors an image, and one vector an image is read here"):
        features.read_features(folder)


def test_a_value_of_a_grid_that_is_not_finite_is_refused(folder):
    array = np.zeros((3, 2, 4), np.float16)
    array[1, 1, 3] = np.inf
    np.save(folder / "features.npy", array)
    features.write_description(folder, IDS, {**EXTRACTOR, "cells": 2})

    with pytest.raises(WorkspaceError, match=r"NaN or infinite values, first for image a\.jpg"):
        features.read_grid(folder).checksum()


def test_an_image_id_may_hold_what_unicode_calls_the_end_of_a_line(folder):
    ids = ("a\u2028.jpg", "\x85b", "c\x0c")
    features.write_description(folder, ids, NAMED)

    assert features.read_features(folder).rows(["\x85b"]).tolist() == [1]


def test_rows_are_found_by_image_id(folder):
    assert features.read_features(folder).rows(["c.jpg", "b.jpg", "c.jpg"]).tolist() == [2, 0, 2]


def test_images_without_a_row_are_counted_and_one_is_named(folder):
    with pytest.raises(WorkspaceError, match=r"no row for 2 of 3 images, such as x\.jpg"):
        features.read_features(folder).rows(["x.jpg", "a.jpg", "y.jpg"])


def test_the_checksum_changes_with_a_value_and_with_an_id(folder):
    before = features.read_features(folder).checksum()

    features.write_description(folder, IDS, NAMED)
    np.save(folder / "features.npy", ARRAY + np.eye(3, 4, dtype=np.float32))
    other_values = features.read_features(folder).checksum()
    features.write_description(folder, ("b.jpg", "a.jpg", "d.jpg"), NAMED)
    other_ids = features.read_features(folder).checksum()

    assert len({before, other_values, other_ids}) == 3


@pytest.mark.parametrize("name", [features.FEATURES_NPY, features.IMAGE_IDS_TXT, features.EXTRACTOR_JSON])
def test_a_missing_file_is_refused_with_the_features_made_so_far(folder, name):
    other = folder.parent / "inception_v3"
    other.mkdir()
    (other / features.EXTRACTOR_JSON).write_text("{}")
    (folder / name).unlink()

    with pytest.raises(WorkspaceError, match=rf"{name} is missing; .*made so far: .*inception_v3"):
        features.read_features(folder)


def test_without_any_features_the_message_says_none(tmp_path):
    with pytest.raises(WorkspaceError, match="made so far: none"):
        features.read_features(tmp_path / "features" / "vgg16-fc7")


@pytest.mark.parametrize("keep", [0, 5, 60, 150])
def test_a_truncated_array_is_refused(folder, keep):
    whole = (folder / "features.npy").read_bytes()
    (folder / "features.npy").write_bytes(whole[:keep])

    with pytest.raises(WorkspaceError, match=r"can't be read .*run data_prep\.extract"):
        features.read_features(folder)


@pytest.mark.parametrize(
    ("name", "content", "flaw"),
    [
        ("extractor.json", b"{", "is not JSON"),
        ("extractor.json", b"{}", "name is missing"),
        ("image_ids.txt", b"\xff\xfe", "is not UTF-8"),
        ("image_ids.txt", b"b.jpg\na.jpg\nc.j", "is cut off"),
        ("image_ids.txt", b"b.jpg\na.jpg\nb.jpg\n", r"names b\.jpg 2 times"),
        ("extractor.json", json.dumps({**EXTRACTOR, "images": 4}).encode(), "says images 4, but vgg16-fc7 has 3"),
    ],
)
def test_a_damaged_description_is_refused(folder, name, content, flaw):
    (folder / name).write_bytes(content)

    with pytest.raises(WorkspaceError, match=f"{name}.* {flaw}.*; run data_prep"):
        features.read_features(folder)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (ARRAY.astype(np.float64), r"float64 \[3, 4\] beside 3 image ids"),
        (ARRAY.ravel(), "not one array of rows in C order"),
        (np.asfortranarray(ARRAY), "not one array of rows in C order"),
        (ARRAY[:2], r"float32 \[2, 4\] beside 3"),
        (ARRAY[:, :3], "says feature_dim 4, but vgg16-fc7 has 3"),
    ],
)
def test_an_array_of_another_form_is_refused(folder, array, message):
    np.save(folder / "features.npy", array)

    with pytest.raises(WorkspaceError, match=message):
        features.read_features(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("block_rows", [1, 2, 1024])
def test_a_value_that_is_no_number_is_refused_with_its_image(folder, monkeypatch, value, block_rows):
    monkeypatch.setattr(features, "_BLOCK_VALUES", block_rows * ARRAY.shape[1])
    broken = ARRAY.copy()
    broken[1, 2] = value
    np.save(folder / "features.npy", broken)

    with pytest.raises(WorkspaceError, match=r"NaN or infinite values, first for image a.jpg"):
        features.read_features(folder).checksum()


def test_a_checked_array_is_not_read_again_until_its_file_changes(folder, monkeypatch):
    digest = features.read_features(folder).checksum()
    read = []
    monkeypatch.setattr(Features, "_checked", lambda self: read.append(self) or Fingerprint("ab" * 32))

    again = features.read_features(folder).checksum()
    os.utime(folder / features.FEATURES_NPY, ns=(1, 1))
    changed = features.read_features(folder).checksum()

    assert (again, changed, len(read)) == (digest, "ab" * 32, 1)


def test_a_damaged_checked_json_is_made_again(folder):
    digest = features.read_features(folder).checksum()
    (folder / features.CHECKED_JSON).write_text("[1")

    assert features.read_features(folder).checksum() == digest


def test_the_checksum_is_the_sha256_of_both_files(folder):
    both = (folder / "image_ids.txt").read_bytes() + (folder / "features.npy").read_bytes()

    assert features.read_features(folder).checksum() == hashlib.sha256(both).hexdigest()


def test_the_description_is_complete_when_extractor_json_is_there(folder):
    assert (folder / "image_ids.txt").read_text() == "b.jpg\na.jpg\nc.jpg\n"
    assert json.loads((folder / "extractor.json").read_text()) == EXTRACTOR


def test_ids_in_another_order_than_the_rows_are_refused(folder):
    (folder / "image_ids.txt").write_text("a.jpg\nb.jpg\nc.jpg\n")

    with pytest.raises(WorkspaceError, match=r"extractor\.json says image_ids_sha256 .*; run .* again for .*vgg16-fc7"):
        features.read_features(folder)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 200), byte=st.integers(0, 255), is_cut=st.booleans())
def test_an_array_with_any_byte_changed_or_cut_off_is_read_or_refused(folder, place, byte, is_cut):
    np.save(folder / "features.npy", ARRAY)
    content = bytearray((folder / "features.npy").read_bytes())
    content[min(place, len(content) - 1)] = byte
    (folder / "features.npy").write_bytes(content[:place] if is_cut else content)

    with contextlib.suppress(WorkspaceError):
        opened = features.read_features(folder)
        opened.checksum()
        assert opened.array.shape == (3, 4)
