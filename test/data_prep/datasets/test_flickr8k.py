"""Flickr8K: the official layout is read with its real flaws; a missing or malformed file is refused in a sentence."""

import pathlib

import pytest
import tiny_flickr8k
from tiny_flickr8k import GHOST, MISSING, SENTENCES, SPARE, TEST, TRAIN, VAL

from cmr.errors import DataError
from data_prep.datasets import flickr8k
from data_prep.datasets.raw_dataset import Flaw

# In the order of the split lists.
_ROWS = [
    (name, name, split, f"{name}#{n}", text)
    for split, names in (("train", TRAIN), ("val", VAL), ("test", TEST))
    for name in names
    for n, text in enumerate(SENTENCES[name])
]


def rows_of(raw):
    return list(raw.captions.itertuples(index=False, name=None))


def refusal(data_dir: pathlib.Path) -> str:
    with pytest.raises(DataError) as caught:
        flickr8k.read_flickr8k(data_dir)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def data_dir(tmp_path):
    return tiny_flickr8k.make_flickr8k(tmp_path / "flickr8k")


def test_images_of_the_three_official_splits_keep_their_sentences(data_dir):
    assert rows_of(flickr8k.read_flickr8k(data_dir)) == _ROWS


def test_the_real_flaws_are_named(data_dir):
    assert flickr8k.read_flickr8k(data_dir).flaws == (
        Flaw("images of a split without a picture", (MISSING,)),
        Flaw("images with sentences but neither picture nor split", (GHOST,)),
        Flaw("pictures in no split", (SPARE,)),
    )


def test_line_ends_of_windows_change_nothing(tmp_path):
    data_dir = tiny_flickr8k.make_flickr8k(tmp_path, line_end="\r\n")

    assert rows_of(flickr8k.read_flickr8k(data_dir)) == _ROWS


@pytest.mark.parametrize("image_dir", ["Flicker8k_Dataset", "Flickr8k_Dataset", "Flickr8k_Dataset/Flicker8k_Dataset"])
@pytest.mark.parametrize("text_dir", ["Flickr8k_text", "."])
def test_the_archives_may_be_unpacked_in_several_ways(tmp_path, image_dir, text_dir):
    data_dir = tiny_flickr8k.make_flickr8k(tmp_path, image_dir, text_dir)

    raw = flickr8k.read_flickr8k(data_dir)

    assert raw.image_dir == str((data_dir / image_dir).resolve())
    assert rows_of(raw) == _ROWS


def test_an_empty_text_folder_does_not_hide_the_files_beside_it(tmp_path):
    data_dir = tiny_flickr8k.make_flickr8k(tmp_path, text_dir=".")
    (data_dir / "Flickr8k_text").mkdir()

    assert rows_of(flickr8k.read_flickr8k(data_dir)) == _ROWS


def test_pictures_are_found_again_from_another_folder(data_dir, monkeypatch):
    monkeypatch.chdir(data_dir.parent)

    raw = flickr8k.read_flickr8k(pathlib.Path("flickr8k"))

    assert raw.image_dir == str((data_dir / "Flicker8k_Dataset").resolve())


def test_all_four_text_files_are_remembered(data_dir):
    sources = flickr8k.read_flickr8k(data_dir).sources

    assert set(sources) == {tiny_flickr8k.TOKENS, *tiny_flickr8k.SPLIT_LISTS}


@pytest.mark.parametrize("name", tiny_flickr8k.SPLIT_LISTS)
def test_a_missing_split_list_is_named(data_dir, name):
    path = data_dir / "Flickr8k_text" / name
    path.unlink()

    assert refusal(data_dir) == f"{path} is missing; unpack the data set's files again"


def test_a_missing_token_file_is_named_with_its_archive(data_dir):
    path = data_dir / "Flickr8k_text" / tiny_flickr8k.TOKENS
    path.unlink()

    assert refusal(data_dir) == f"{path} is missing; unpack Flickr8k_text.zip into {data_dir}"


def test_a_missing_folder_of_pictures_is_named_with_its_archive(data_dir):
    (data_dir / "Flicker8k_Dataset").rename(data_dir / "pictures")

    assert refusal(data_dir) == (
        f"{data_dir / 'Flicker8k_Dataset'} is missing; unpack Flickr8k_Dataset.zip into {data_dir}, or give "
        "--pictures=optional to do without pictures"
    )


def test_an_empty_folder_of_pictures_is_refused(data_dir):
    for path in (data_dir / "Flicker8k_Dataset").iterdir():
        path.unlink()

    assert "Flicker8k_Dataset holds no pictures" in refusal(data_dir)


@pytest.mark.parametrize("name", ["none", "flickr8k.zip"])
def test_a_data_dir_that_is_no_folder_is_refused(tmp_path, name):
    (tmp_path / "flickr8k.zip").touch()

    assert f"--data_dir={tmp_path / name} is not a folder" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (tiny_flickr8k.TOKENS, b"1_a.jpg#0 A dog .\n", "line 1 is not 'image#number <tab> sentence'"),
        (tiny_flickr8k.TOKENS, b"", "is empty"),
        (tiny_flickr8k.TOKENS, b"1_a.jpg#0\tCaf\xe9 .\n", "is not UTF-8"),
        ("Flickr_8k.trainImages.txt", b"\xff\xfe1\0", "is not UTF-8"),
        ("Flickr_8k.devImages.txt", b"\n\n", "is empty"),
        ("Flickr_8k.testImages.txt", b"1_a.jpg\n", "image 1_a.jpg is in"),
        ("Flickr_8k.testImages.txt", b"9.jpg\n8.jpg\n", "none of the 2 images of the test split"),
    ],
)
def test_a_malformed_file_is_refused(data_dir, name, content, said):
    (data_dir / "Flickr8k_text" / name).write_bytes(content)

    assert said in refusal(data_dir)


def test_the_real_flickr8k(shared):
    raw = flickr8k.read_flickr8k(shared / "data" / "flickr8k")

    by_split = raw.captions.groupby("split")["image_id"]
    assert by_split.nunique().to_dict() == {"train": 5_999, "val": 1_000, "test": 1_000}
    assert by_split.size().to_dict() == {"train": 29_995, "val": 5_000, "test": 5_000}
    missing, ghost, spare = raw.flaws
    assert missing == Flaw("images of a split without a picture", ("3050606344_af711c726c.jpg",))
    assert ghost == Flaw("images with sentences but neither picture nor split", ("2258277193_586949ec62.jpg.1",))
    assert (spare.kind, len(spare.names)) == ("pictures in no split", 91)
    assert {"1155138244_859fd6e079.jpg", "1468103286_96a6e07029.jpg"} <= set(spare.names)
