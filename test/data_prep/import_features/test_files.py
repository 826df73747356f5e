"""Arrays and id lists in other people's files: every layout reads back, every flaw is one sentence."""

import builtins
import json
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from cmr.errors import CmrError, DataError
from data_prep.import_features import files, image_ids

ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3) / 7


def write(path, array, name="feats"):
    """Writes an array as the program of the path's ending would; `.v73.mat` is MATLAB 7.3, which stores by columns."""
    if path.name.endswith(".v73.mat"):
        with h5py.File(path, "w", userblock_size=512) as file:
            file.create_dataset(name, data=array.T)
            file[name].attrs["MATLAB_class"] = np.bytes_({4: "single", 8: "double"}.get(array.itemsize, "uint8"))
    elif path.suffix == ".mat":
        scipy.io.savemat(path, {name: array})
    elif path.suffix == ".npz":
        np.savez_compressed(path, **{name: array})
    else:
        np.save(path, array)
    return path


def read(path, images_in_columns=False, variable="", block_images=1024):
    file = files.describe(path, variable)
    return np.concatenate(list(file.blocks(images_in_columns, block_images)))


def refusal(path, variable=""):
    """The sentence with which a file is refused, on opening or on reading."""
    with pytest.raises(CmrError) as caught:
        read(path, variable=variable)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", [".npy", ".npz", ".mat", ".v73.mat", ".NPY"])
@pytest.mark.parametrize("block_images", [1, 3, 100])
def test_rows_and_columns_read_back_in_order_from_every_format(tmp_path, ending, block_images):
    path = tmp_path / f"features{ending}"
    if ending == ".NPY":
        path.write_bytes(write(tmp_path / "a.npy", ARRAY).read_bytes())
    else:
        write(path, ARRAY)

    assert files.describe(path).shape == (4, 3)
    np.testing.assert_array_equal(read(path, False, block_images=block_images), ARRAY)
    np.testing.assert_array_equal(read(path, True, block_images=block_images), ARRAY.T)


@pytest.mark.parametrize("ending", [".npy", ".npz", ".mat", ".v73.mat", ".h5"])
@pytest.mark.parametrize("block_images", [1, 3, 100])
def test_regions_of_images_read_back_in_order_from_every_format(tmp_path, ending, block_images):
    array = np.arange(4 * 3 * 5, dtype=np.float32).reshape(4, 3, 5) / 7
    path = tmp_path / f"regions{ending}"
    if ending == ".h5":
        with h5py.File(path, "w") as file:
            file["feats"] = array
    else:
        write(path, array)

    file = files.describe(path)

    assert (file.shape, file.row_shape(False)) == ((4, 3, 5), (3, 5))
    np.testing.assert_array_equal(read(path, block_images=block_images), array)


@pytest.mark.parametrize("ending", [".npy", ".npz", ".mat", ".v73.mat"])
@settings(max_examples=15, deadline=None)
@given(
    array=st.sampled_from([np.float32, np.float64, np.uint8]).flatmap(
        lambda dtype: numpy_strategies.arrays(
            dtype,
            st.tuples(st.integers(1, 5), st.integers(1, 5)),
            elements=st.integers(0, 255) if dtype == np.uint8 else st.floats(-1e6, 1e6, width=32),
        )
    ),
    by_columns=st.booleans(),
    block_images=st.integers(1, 6),
)
def test_any_array_survives_a_round_trip(tmp_path_factory, ending, array, by_columns, block_images):
    path = write(tmp_path_factory.mktemp("trip") / f"features{ending}", array)

    values = read(path, by_columns, block_images=block_images)

    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, array.T if by_columns else array)


@pytest.mark.parametrize("dtype", ["float16", ">f4", ">f8", "int32"])
def test_any_plain_number_becomes_float32(tmp_path, dtype):
    assert read(write(tmp_path / "a.npy", np.ones((2, 3), dtype))).dtype == np.float32


def test_fortran_order_reads_back(tmp_path):
    np.testing.assert_array_equal(read(write(tmp_path / "a.npy", np.asfortranarray(ARRAY)), block_images=3), ARRAY)


@pytest.mark.parametrize("ending", [".npz", ".mat"])
def test_the_only_matrix_is_chosen_among_several_arrays(tmp_path, ending):
    arrays = {"numbers": np.arange(4), "feats": ARRAY, "count": np.array(4)}
    path = tmp_path / f"a{ending}"
    np.savez(path, **arrays) if ending == ".npz" else scipy.io.savemat(path, arrays)

    assert files.describe(path).variable == "feats"


@pytest.mark.parametrize("ending", [".npz", ".mat", ".v73.mat"])
def test_a_variable_that_is_not_there_is_refused_with_those_that_are(tmp_path, ending):
    path = write(tmp_path / f"a{ending}", ARRAY)

    assert "has no variable fc7; it holds feats [4, 3]" in refusal(path, "fc7")


def test_two_matrices_ask_for_the_variable(tmp_path):
    np.savez(tmp_path / "a.npz", train=ARRAY, val=2 * ARRAY)

    assert "--variable" in refusal(tmp_path / "a.npz")
    np.testing.assert_array_equal(read(tmp_path / "a.npz", variable="val"), 2 * ARRAY)


def test_a_missing_file_is_refused(tmp_path):
    assert "is not a file" in refusal(tmp_path / "none.npy")


def test_another_ending_is_refused_with_the_known_ones(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"x")

    assert ".npy, .npz, .mat" in refusal(tmp_path / "a.pkl")


@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_pickled_objects_are_never_opened(tmp_path, ending):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    path = write(tmp_path / f"a{ending}", np.array([[Trap()], [Trap()]], dtype=object))

    assert "object values, not plain numbers" in refusal(path)


@pytest.mark.parametrize("shape", [(), (4,), (4, 3, 2, 2)])
def test_only_2d_and_3d_arrays_are_features(tmp_path, shape):
    assert f"is {len(shape)}-D, {list(shape)}" in refusal(write(tmp_path / "a.npy", np.zeros(shape)))


@pytest.mark.parametrize("ending", [".npy", ".npz", ".mat"])
def test_an_empty_array_is_refused(tmp_path, ending):
    assert "is empty, [0, 3]" in refusal(write(tmp_path / f"a{ending}", np.zeros((0, 3))))


def test_an_empty_matlab_73_array_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["feats"] = np.array([0, 3], np.uint64)
        file["feats"].attrs["MATLAB_empty"] = 1

    assert "is empty, [0, 3]" in refusal(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (ARRAY.astype(str), "str"),
        (ARRAY > 1, "bool"),
        (ARRAY * 1j, "complex"),
    ],
)
def test_what_is_not_a_number_is_refused_by_its_type(tmp_path, array, what):
    assert what in refusal(write(tmp_path / "a.npy", array))


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (ARRAY * 1j, "complex"),
        (np.array([["a", "b"]], dtype=object), "cell"),
        ({"x": 1}, "struct"),
        (scipy.sparse.csc_matrix(ARRAY), "sparse"),
    ],
)
def test_matlab_values_that_are_not_full_matrices_are_refused(tmp_path, value, what):
    scipy.io.savemat(tmp_path / "a.mat", {"feats": value})

    assert what in refusal(tmp_path / "a.mat")


def test_a_file_without_arrays_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing")

    assert "holds no array" in refusal(tmp_path / "a.npz")


@pytest.mark.parametrize("ending", [".npy", ".npz", ".mat", ".v73.mat"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.95])
def test_a_file_cut_off_is_refused(tmp_path, ending, kept):
    path = write(tmp_path / f"a{ending}", np.random.default_rng(0).random((60, 50)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])

    assert "damaged, cut off or of another format" in refusal(path)


@pytest.mark.parametrize("ending", [".npz", ".mat"])
def test_a_flipped_byte_in_a_compressed_file_is_noticed(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    array = np.random.default_rng(0).random((60, 50))
    if ending == ".npz":
        np.savez_compressed(path, feats=array)
    else:
        scipy.io.savemat(path, {"feats": array}, do_compression=True)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(damaged)

    assert "damaged" in refusal(path)


@pytest.mark.parametrize("ending", [".npy", ".npz", ".mat"])
def test_a_text_file_under_another_name_is_refused(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_text("<html>404 Not Found</html>\n" * 40)

    assert "damaged, cut off or of another format" in refusal(path)


def test_without_scipy_the_install_command_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mat", ARRAY)
    real_import = builtins.__import__

    def without_scipy(name, *arguments, **named):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real_import(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without_scipy)

    assert "pip install 'cmr[mat]'" in refusal(path)


def test_a_npy_file_takes_no_variable(tmp_path):
    assert "--variable" in refusal(write(tmp_path / "a.npy", ARRAY), "feats")


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg\nb.jpg\n",
        "\ufeffa.jpg\r\nb.jpg\r\n",
        "a.jpg\n\nb.jpg",
        "a.jpg#0\tA dog .\nb.jpg#12\tA cat .\n",
    ],
)
def test_image_ids_stand_one_a_line(tmp_path, text):
    (tmp_path / "ids.txt").write_text(text, encoding="utf-8", newline="")

    assert image_ids.read_image_ids(tmp_path / "ids.txt") == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(("numbers", "order"), [([1, 0], ["b", "a"]), ([7, 3], ["a", "b"]), ([None, None], ["a", "b"])])
def test_karpathys_json_is_read_in_the_order_of_its_columns(tmp_path, numbers, order):
    images = [{"filename": name, "imgid": number} for name, number in zip("ab", numbers, strict=True)]
    (tmp_path / "dataset.json").write_text(json.dumps({"images": images, "dataset": "flickr8k"}))

    assert image_ids.read_image_ids(tmp_path / "dataset.json") == order


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("ids.txt", b"", "names no image"),
        ("ids.txt", b"\n \n", "names no image"),
        ("ids.txt", b"\xff\xfe\x00", "is not UTF-8 text"),
        ("ids.npy", b"a\0b", "is not UTF-8 text"),
        ("ids.json", b"{", "is not JSON .*; give Karpathy's dataset json"),
        ("ids.json", b"[" * 100_000, "is nested too deeply"),
        ("ids.json", rb'["a", "\udc00"]', "is not UTF-8 text"),
        ("ids.json", b'["a", "b\\u0085"]', r"name 2, 'b\\x85', holds a line's end or a control character"),
        ("ids.txt", "a\nb\u2028c\n".encode(), r"name 2, 'b\\u2028c', holds a line's end or a control character"),
        ("ids.txt", b"a\x1cb\n", r"name 1, 'a\\x1cb', holds a line's end"),
        ("ids.json", b"[1]", "is not Karpathy's dataset json"),
        ("ids.json", b'{"images": [{"id": 3}]}', "is not Karpathy's dataset json"),
        ("ids.json", b'{"images": []}', "names no image"),
    ],
)
def test_what_is_not_an_id_list_is_refused(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=sentence):
        image_ids.read_image_ids(tmp_path / name)


def test_a_missing_id_list_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not a file"):
        image_ids.read_image_ids(tmp_path / "none.txt")


def test_a_json_list_of_names_is_an_id_list(tmp_path):
    (tmp_path / "ids.json").write_bytes(b'\xef\xbb\xbf["b.jpg", "a.jpg"]')

    assert image_ids.read_image_ids(tmp_path / "ids.json") == ["b.jpg", "a.jpg"]


# HDF5, axes of size 1, an array for each image


@pytest.mark.parametrize("ending", [".h5", ".hdf5"])
@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"chunks": (2, 3)}])
def test_hdf5_stands_as_numpy_shows_it(tmp_path, ending, options):
    path = tmp_path / f"a{ending}"
    with h5py.File(path, "w") as file:
        file.create_dataset("vgg/fc7", data=ARRAY, **options)

    assert files.describe(path).variable == "vgg/fc7"
    np.testing.assert_array_equal(read(path, block_images=3), ARRAY)
    np.testing.assert_array_equal(read(path, True), ARRAY.T)


@pytest.mark.parametrize("ending", [".npy", ".npz", ".mat", ".v73.mat", ".h5"])
@pytest.mark.parametrize("shape", [(4, 1, 1, 3), (4, 3, 1, 1), (4, 1, 3), (1, 4, 3)])
def test_axes_of_size_1_are_left_out(tmp_path, ending, shape):
    path, array = tmp_path / f"a{ending}", ARRAY.reshape(shape)
    if ending == ".h5":
        with h5py.File(path, "w") as file:
            file["feats"] = array
    else:
        write(path, array)

    assert files.describe(path).shape == (4, 3)
    np.testing.assert_array_equal(read(path, block_images=3), ARRAY)
    np.testing.assert_array_equal(read(path, True), ARRAY.T)


BY_IMAGE = {"cats/1.jpg": ARRAY[0], "cats/2.jpg": ARRAY[1], "dogs/1.jpg": ARRAY[2], "dogs/2.jpg": ARRAY[3]}


def write_by_image(path, arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array
    else:
        for name, array in arrays.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(path / f"{name}.npy", array)
    return path


@pytest.mark.parametrize("name", ["a.npz", "a.h5", "folder"])
@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 1, 1, 3), (3, 1, 1)])
def test_an_array_for_each_image_is_a_row_named_by_it(tmp_path, name, shape):
    path = write_by_image(tmp_path / name, {key: array.reshape(shape) for key, array in BY_IMAGE.items()})

    described = files.describe(path)

    assert (described.image_ids, described.shape) == (tuple(BY_IMAGE), (4, 3))
    np.testing.assert_array_equal(read(path, block_images=3), ARRAY)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"1": ARRAY, "2": ARRAY}, r"1.npy is [4, 3] float32, not one vector of an image"),
        ({"1": ARRAY[0], "2": ARRAY[0, :2]}, "has 3 numbers for 1 and 2 for 2; give those of one network"),
        ({"1": ARRAY[0].astype(str), "2": ARRAY[0]}, "not one vector of an image"),
    ],
)
def test_a_folder_of_anything_but_vectors_of_one_size_is_refused(tmp_path, arrays, said):
    assert said in refusal(write_by_image(tmp_path / "folder", arrays))


def test_a_folder_without_arrays_is_refused(tmp_path):
    assert "holds no .npy file" in refusal(tmp_path)


# What a header says and the file does not hold


def claim(path, shape, values=3, dtype="<f4"):
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
        file.write(b"\0" * values)
    return path


@pytest.mark.parametrize("shape", [(60, 10**9), (10**9, 60), (60, 10**30), (4, 3)])
@pytest.mark.parametrize("kind", ["a.npy", "a.npz", "deflated.npz", "folder"])
def test_a_header_that_says_more_than_its_file_holds_is_refused(tmp_path, shape, kind):
    claimed = claim(tmp_path / "claim.npy", shape)
    path = tmp_path / kind
    if kind.endswith(".npz"):
        compression = zipfile.ZIP_DEFLATED if kind.startswith("deflated") else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.write(claimed, "feats.npy")
    elif kind == "folder":
        path.mkdir()
        claimed.rename(path / "1.jpg.npy")
    else:
        claimed.rename(path)

    with pytest.raises(
        DataError, match=r"its header says .* float32, .*B, and there are .* B\); it is damaged, cut off"
    ):
        files.describe(path)


@pytest.mark.parametrize("ending", [".h5", ".mat"])
def test_hdf5_of_which_nothing_was_written_is_refused(tmp_path, ending):
    with h5py.File(tmp_path / f"a{ending}", "w") as file:
        file.create_dataset("feats", shape=(60, 10**9), dtype="f4", chunks=(1, 1000))

    assert "of which 0 B were written" in refusal(tmp_path / f"a{ending}")


def test_a_mat_file_that_says_more_than_it_can_hold_is_refused(tmp_path):
    path = write(tmp_path / "a.mat", np.zeros((60, 1000)))
    content = path.read_bytes()
    assert content.count(np.array([60, 1000], "<i4").tobytes()) == 1
    content = content.replace(np.array([60, 1000], "<i4").tobytes(), np.array([60, 10**9], "<i4").tobytes())
    path.write_bytes(content[:300])

    assert "says that it is [60, 1000000000]" in refusal(path)


def test_thousands_of_arrays_are_counted_and_not_listed(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, **{f"image_{number}": np.zeros((2, 3)) for number in range(3000)})

    said = refusal(path)

    assert "holds 3,000 arrays, such as image_0 [2, 3], image_1 [2, 3], image_2 [2, 3], ...; name the features" in said
    assert len(said) < 300 + len(str(path))
