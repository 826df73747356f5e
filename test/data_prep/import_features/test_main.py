"""Features computed elsewhere land on the right images, in every layout the field shares, or are refused whole."""

import functools
import json
import shutil
import signal
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from commands import ROOT, run_command
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cmr.errors import CmrError, ConfigError, DataError, WorkspaceError
from cmr.workspace import captions, checksums, features
from cmr.workspace.paths import Workspace
from data_prep.import_features import importing
from data_prep.import_features.files import FeatureFile

DIM = 5


def make_dataset(root, image_ids=("a.jpg", "b.jpg", "c.jpg")):
    workspace = Workspace(root, "scenes")
    rows = [(image_id, image_id, "train", f"{image_id}#{n}", "a dog") for image_id in image_ids for n in range(2)]
    captions.write_captions(workspace.captions_csv, pd.DataFrame(rows, columns=list(captions.COLUMNS)))
    workspace.write_description({"dataset": "scenes", "image_dir": "images"})
    return workspace


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "workspace")


def vectors(count, dim=DIM, dtype=np.float32):
    return np.random.default_rng(count).normal(size=(count, dim)).astype(dtype)


ABC = vectors(3)


def save(path, array):
    if path.name.endswith(".v73.mat"):
        with h5py.File(path, "w", userblock_size=512) as file:
            file["feats"] = array.T
    elif path.suffix == ".mat":
        scipy.io.savemat(path, {"feats": array})
    else:
        np.save(path, array)
    return path


def id_list(path, names):
    path.write_text("".join(f"{name}\n" for name in names))
    return path


def import_arrays(dataset, arrays, lists, name="shared", ending=".npy", **settings):
    """Imports arrays under id lists, both given as values."""
    folder = dataset.root
    paths = [save(folder / f"part{number}{ending}", array) for number, array in enumerate(arrays)]
    id_paths = [id_list(folder / f"ids{number}.txt", names) for number, names in enumerate(lists)]
    return importing.import_features(dataset, paths, id_paths, name, **settings)


def imported(dataset, name="shared"):
    """`{image_id: feature}` of the workspace."""
    written = features.read_features(dataset.features_dir(name))
    return dict(zip(written.image_ids, np.array(written.array), strict=True))


def refusal(dataset, arrays, lists, **settings):
    with pytest.raises(CmrError) as caught:
        import_arrays(dataset, arrays, lists, **settings)
    assert list(dataset.dataset_dir.glob("features/shared/*")) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


@settings(max_examples=12, deadline=None)
@given(
    order=st.permutations(range(7)),
    cut=st.integers(1, 6),
    repeats=st.lists(st.integers(1, 3), min_size=7, max_size=7),
    columns=st.booleans(),
    block_images=st.integers(1, 5),
    one_list=st.booleans(),
)
def test_every_image_gets_its_own_row(tmp_path_factory, order, cut, repeats, columns, block_images, one_list):
    known = [f"{number}.jpg" for number in range(5)]
    dataset = make_dataset(tmp_path_factory.mktemp("any"), known)
    array = vectors(7, 11)
    rows = [image for image in order for _ in range(repeats[image])]
    lists = [[f"{image}.jpg" for image in part] for part in (rows[:cut], rows[cut:])]
    arrays = [array[part].T if columns else array[part] for part in (rows[:cut], rows[cut:])]
    assume(len(rows) - cut != 11)  # A square part could stand either way round.

    with pytest.MonkeyPatch.context() as patch:
        by_few = functools.partialmethod(FeatureFile.blocks, block_images=block_images)
        patch.setattr(FeatureFile, "blocks", by_few)
        report = import_arrays(dataset, arrays, [lists[0] + lists[1]] if one_list else lists)

    written = imported(dataset)
    assert list(written) == known
    np.testing.assert_array_equal(list(written.values()), array[:5])
    assert set(report.dropped) == {"5.jpg", "6.jpg"}


def test_a_column_an_image_as_in_karpathys_mat(dataset, tmp_path):
    images = [{"filename": name, "imgid": number} for number, name in ((2, "a.jpg"), (0, "b.jpg"), (1, "c.jpg"))]
    (tmp_path / "dataset.json").write_text(json.dumps({"images": images}))
    path = save(tmp_path / "vgg_feats.mat", ABC.T)

    report = importing.import_features(dataset, [path], [tmp_path / "dataset.json"], "shared")

    np.testing.assert_array_equal(list(imported(dataset).values()), ABC[[2, 0, 1]])
    assert "[5, 3], an image a column" in str(report)


@pytest.mark.parametrize(("ending", "transposed"), [(".npy", False), (".mat", True), (".v73.mat", True)])
def test_a_square_array_stands_as_its_format_usually_does(dataset, ending, transposed):
    array = vectors(3, 3)

    import_arrays(dataset, [array], ["abc"], ending=ending)

    np.testing.assert_array_equal(list(imported(dataset).values()), array.T if transposed else array)


@pytest.mark.parametrize(
    ("parts", "lists", "rows"),
    [
        pytest.param([ABC[[2, 0, 1]]], ["cab"], "auto", id="a row an image (VSE++)"),
        pytest.param([ABC[:2], ABC[2:]], ["ab", "c"], "image", id="parts with a list each"),
        pytest.param([ABC[:1], ABC[1:]], ["abc"], "auto", id="parts with one list"),
        pytest.param([ABC[:2].T, ABC[2:]], ["ab", "c"], "auto", id="a part by columns, a part by rows"),
        pytest.param([ABC[[1, 1, 0, 0, 2, 2]]], ["bac"], "caption", id="a row a sentence, an id an image (VSE)"),
        pytest.param(
            [ABC[[1, 0, 1, 2]]], [["b#0", "a#1", "b#4", "c#0"]], "auto", id="a row a sentence, an id a sentence"
        ),
        pytest.param([ABC], ["aabbbc"], "auto", id="a row an image, an id a sentence"),
        pytest.param([ABC[:1], ABC[[1, 1, 2, 2]]], ["a", "bc"], "caption", id="parts of either kind"),
    ],
)
@pytest.mark.parametrize("ending", [".npy", ".mat", ".v73.mat"])
def test_every_layout_of_the_field_is_read(dataset, parts, lists, rows, ending):
    import_arrays(dataset, parts, lists, rows=rows, ending=ending)

    np.testing.assert_array_equal(list(imported(dataset).values()), ABC)


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", "uint8"])
def test_the_workspace_holds_float32_and_where_it_came_from(dataset, dtype):
    array = (vectors(3) * 10).astype(dtype)

    import_arrays(dataset, [array], ["abc"], stand_in="VGG16 fc7")

    written = features.read_features(dataset.features_dir("shared"))
    assert written.array.dtype == np.dtype("<f4")
    np.testing.assert_array_equal(written.array, array.astype(np.float32))
    sources = {
        str(path): checksums.files_sha256([path]) for path in map(dataset.root.joinpath, ("part0.npy", "ids0.txt"))
    }
    wanted = {"name": "shared", "weights": "imported", "stand_in": "VGG16 fc7", "feature_dim": DIM, "images": 3}
    assert written.extractor == {**written.extractor, **wanted, "sources": sources}


@pytest.mark.parametrize(
    ("parts", "lists", "rows", "sentence"),
    [
        ([vectors(2)], ["bx"], "auto", "2 of the 3 images"),
        ([vectors(2)], ["bx"], "auto", "have no row, such as a.jpg; the id list goes like b"),
        ([vectors(2)], ["abc"], "auto", "part0.npy [2, 5] does not fit the number of image ids, 3;"),
        ([vectors(2)], ["abc"], "caption", "part0.npy [2, 5] does not fit the number of image ids, 3;"),
        ([vectors(1), vectors(2)], ["ab", "c"], "auto", "does not fit the number of image ids, 2, 1;"),
        ([vectors(1, 5), vectors(2, 4)], ["abc"], "auto", "part1.npy [2, 4] does not fit"),
        ([ABC], ["ab", "c"], "auto", "--image_ids names 2 files and --features 1"),
        ([vectors(6)], ["abc"], "auto", "several rows for each of 3 image ids; say --rows=caption if"),
        ([vectors(6)], ["abc"], "image", "does not fit"),
        ([vectors(4)], ["abca"], "image", "the id list names a 2 times; --rows=caption"),
        ([vectors(4)], ["abca"], "auto", "has different rows for a.jpg"),
        ([vectors(6)], ["abc"], "caption", "has different rows for a.jpg"),
    ],
)
def test_rows_and_ids_that_do_not_fit_are_refused(dataset, parts, lists, rows, sentence):
    assert sentence in refusal(dataset, parts, lists, rows=rows)


def test_a_list_of_another_folder_is_refused_with_both_names(tmp_path):
    dataset = make_dataset(tmp_path, ["cats/1.jpg", "cats/2.jpg"])

    said = refusal(dataset, [vectors(2)], [["dogs/1.jpg", "cats/2.jpg"]])

    assert "1 of the 2 images of" in said
    assert "have no row, such as cats/1.jpg, dogs/1.jpg being in another folder" in said


@pytest.mark.parametrize("ending", [".npz", ".h5", ""])
def test_arrays_that_are_named_by_their_images_need_no_list(dataset, ending):
    path = dataset.root / f"by_image{ending}"
    if ending == ".npz":
        np.savez(path, **dict(zip("cab", ABC, strict=True)))
    elif ending == ".h5":
        with h5py.File(path, "w") as file:
            file.update(dict(zip("cab", ABC, strict=True)))
    else:
        path.mkdir()
        for name, vector in zip("cab", ABC, strict=True):
            np.save(path / f"{name}.jpg.npy", vector)

    report = importing.import_features(dataset, [path], [], "shared")

    for image_id, vector in imported(dataset).items():
        np.testing.assert_array_equal(vector, ABC["cab".index(image_id[0])])
    assert "float32 [3, 5], a vector an image, named by it" in str(report)
    ids = id_list(dataset.root / "ids.txt", "cab")
    with pytest.raises(ConfigError, match="leave --image_ids out"):
        importing.import_features(dataset, [path], [ids], "other")


def test_without_a_list_rows_have_no_images(dataset):
    path = save(dataset.root / "a.npy", ABC)

    with pytest.raises(ConfigError, match=r"--image_ids is missing, and .*a\.npy does not name its images"):
        importing.import_features(dataset, [path], [], "shared")


def test_features_that_the_disk_has_no_room_for_are_refused_before_anything_is_written(dataset, monkeypatch):
    usage = shutil.disk_usage(dataset.root)._replace(free=3 * DIM * 4 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    said = refusal(dataset, [ABC], ["abc"])

    assert "it takes 60 B to write" in said
    assert "has 59 B free; free some or name another --workspace_dir" in said


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_not_finite_as_float32_are_refused(dataset, value):
    array = vectors(3, dtype=np.float64)
    array[1, 2] = value

    assert "NaN or infinite values (as float32) for b.jpg" in refusal(dataset, [array], ["abc"])


def test_rows_of_other_images_are_counted_and_dropped_whatever_they_hold(dataset):
    array = np.concatenate([np.full((1, DIM), np.nan), ABC, np.full((1, DIM), np.inf)])

    report = import_arrays(dataset, [array], ["xabcy"])

    np.testing.assert_array_equal(list(imported(dataset).values()), ABC)
    assert report.dropped == ("x", "y")


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a b"])
def test_the_name_is_a_plain_folder(dataset, name):
    with pytest.raises(ConfigError, match="--features_name"):
        import_arrays(dataset, [ABC], ["abc"], name=name)


def test_an_existing_name_is_kept_unless_told_to_overwrite(dataset):
    import_arrays(dataset, [ABC], ["abc"])
    with pytest.raises(ConfigError, match="--overwrite"):
        import_arrays(dataset, [vectors(3, 6)], ["abc"])
    with pytest.raises(DataError):
        import_arrays(dataset, [np.full((3, 6), np.nan)], ["abc"], overwrite=True)

    np.testing.assert_array_equal(list(imported(dataset).values()), ABC)
    import_arrays(dataset, [vectors(3, 6)], ["abc"], overwrite=True)
    np.testing.assert_array_equal(list(imported(dataset).values()), vectors(3, 6))


def test_an_overwrite_killed_between_its_files_leaves_no_features_that_look_whole(dataset, monkeypatch):
    import_arrays(dataset, [ABC], ["abc"])
    monkeypatch.setattr(features, "write_description", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        import_arrays(dataset, [vectors(3, 6)], ["abc"], overwrite=True)

    with pytest.raises(WorkspaceError, match=r"extractor\.json is missing"):
        imported(dataset)


def test_a_half_done_extraction_is_left_alone(dataset):
    dataset.features_dir("shared").mkdir(parents=True)
    (dataset.features_dir("shared") / "features.npy.partial").touch()

    with pytest.raises(ConfigError, match="half-done extraction"):
        import_arrays(dataset, [ABC], ["abc"], overwrite=True)


def test_an_unprepared_data_set_is_refused(tmp_path):
    with pytest.raises(WorkspaceError, match=r"data_prep\.prepare"):
        importing.import_features(Workspace(tmp_path, "flickr8k"), ["a.npy"], ["a.txt"], "shared")


def test_killed_in_the_middle_it_leaves_nothing_under_a_final_name(dataset):
    path = save(dataset.root / "a.npy", ABC)
    ids = id_list(dataset.root / "ids.txt", "abc")
    program = f"""
import os, pathlib, signal
from cmr import progress
from cmr.workspace.paths import Workspace
from data_prep.import_features.importing import import_features
progress.tqdm.tqdm.update = lambda bar, rows: os.kill(os.getpid(), signal.SIGKILL)
workspace = Workspace(pathlib.Path({str(dataset.root)!r}), "scenes")
import_features(workspace, [{str(path)!r}], [{str(ids)!r}], "shared")
"""

    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert list(dataset.features_dir("shared").glob("[!.]*")) == []
    importing.import_features(dataset, [path], [ids], "shared")
    np.testing.assert_array_equal(list(imported(dataset).values()), ABC)


def command(dataset, *arguments):
    place = f"--workspace_dir={dataset.root}", "--dataset=scenes", "--features_name=shared"
    return run_command("data_prep.import_features", *place, *arguments)


def test_the_command_prints_a_summary_and_the_next_command(dataset):
    path, ids = save(dataset.root / "a.npy", vectors(4)), id_list(dataset.root / "ids.txt", "abcx")

    ended = command(dataset, f"--features={path}", f"--image_ids={ids}")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        f"{path}: float32 [4, 5], an image a row by the ids",
        "4 rows read, 3 images of the workspace matched: all of them have a row (3 by file name without ending)",
        "1 listed images not in the workspace: dropped, such as x",
        f"wrote {dataset.features_dir('shared')}: float32 [3, 5]",
        f"next: python -m cmr.train --dataset=scenes --workspace_dir={dataset.root} --model=vse --vgg_features=shared",
    ]


def test_the_command_turns_an_error_into_one_line(dataset):
    ended = command(dataset, "--features=none.npy", "--image_ids=none.txt")

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "error: none.npy is not a file\n")


def test_the_real_shared_features_of_flickr8k(shared, tmp_path):
    folder = shared / "features" / "flickr8k"
    listed = (folder / "image_ids.txt").read_text().split()
    dataset = make_dataset(tmp_path, sorted(listed[90:]))

    importing.import_features(dataset, [folder / "vgg16_pool5_avg.npy"], [folder / "image_ids.txt"], "shared")

    expected = dict(zip(listed, np.load(folder / "vgg16_pool5_avg.npy").astype(np.float32), strict=True))
    written = features.read_features(dataset.features_dir("shared"))
    np.testing.assert_array_equal(written.array, [expected[image_id] for image_id in written.image_ids])
    with pytest.raises(DataError, match=r"\[1000, 1280\] does not fit the number of image ids, 8090"):
        importing.import_features(
            dataset, [folder / "efficientnet_lite2_first_1000.npy"], [folder / "image_ids.txt"], "other"
        )


def test_scans_regions_become_a_grid(dataset):
    regions = np.random.default_rng(0).normal(size=(3, 36, 20)).astype(np.float32)

    report = import_arrays(dataset, [regions[:1].repeat(2, axis=0), regions[1:]], ["cc", "ab"], rows="caption")

    written = features.read_grid(dataset.features_dir("shared"))
    assert (written.cells, written.feature_dim, written.array.dtype) == (36, 20, np.float16)
    np.testing.assert_array_equal(written.array, regions[[1, 2, 0]].astype(np.float16))
    assert written.extractor["cells"] == 36
    assert str(report).endswith(f"wrote {dataset.features_dir('shared')}: float16 [3, 36, 20]")


def test_regions_that_do_not_fit_are_refused(dataset):
    regions = np.zeros((3, 4, 5), np.float32)
    large, broken = regions.copy(), regions.copy()
    large[1, 2, 3], broken[1, 2, 3] = 1e6, np.nan

    assert "part1.npy has [3, 5] values an image, " in refusal(dataset, [regions[:2], regions[:2, :3]], ["ab", "ca"])
    assert "has [5] values an image" in refusal(dataset, [regions[:2], regions[:2, 0]], ["ab", "ca"])
    assert "does not fit the number of image ids, 2" in refusal(dataset, [regions], ["ab"])
    assert "NaN or infinite values (as float16) for b.jpg" in refusal(dataset, [large], ["abc"])
    assert "NaN or infinite values (as float16) for b.jpg" in refusal(dataset, [broken], ["abc"])
