"""captions.csv: what is written is read, what does not fit is refused in a sentence."""

import contextlib

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import DataError, WorkspaceError
from cmr.workspace import captions


def frame(*rows):
    return pd.DataFrame(rows, columns=list(captions.COLUMNS))


TWO_IMAGES = frame(
    ("a.jpg", "a.jpg", "train", "a.jpg#0", "A dog."),
    ("a.jpg", "a.jpg", "train", "a.jpg#1", "It runs."),
    ("b.jpg", "b.jpg", "val", "b.jpg#0", "A cat."),
)

# A lone surrogate can't be written as UTF-8, and a CSV file has no way to hold a NUL.
sentences = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.one_of(sentences, st.sampled_from(["", "NA", "null", '"', "a,b", "1", "x\ny"])), min_size=1))
def test_any_sentence_comes_back_as_it_was_published(tmp_path, texts):
    written = frame(*[("a.jpg", "a.jpg", "train", f"a.jpg#{n}", text) for n, text in enumerate(texts)])

    captions.write_captions(tmp_path / "captions.csv", written)

    assert captions.read_captions(tmp_path / "captions.csv")["caption"].tolist() == texts


def test_ids_that_look_like_numbers_stay_strings(tmp_path):
    captions.write_captions(tmp_path / "captions.csv", frame(("007", "1e5", "train", "007#0", "3")))

    row = captions.read_captions(tmp_path / "captions.csv").iloc[0]

    assert row.tolist() == ["007", "1e5", "train", "007#0", "3"]


def test_further_columns_are_left_out(tmp_path):
    TWO_IMAGES.assign(source="web").to_csv(tmp_path / "captions.csv", index=False)

    assert list(captions.read_captions(tmp_path / "captions.csv").columns) == list(captions.COLUMNS)


@pytest.mark.parametrize("image_id", ["a\nb.jpg", "a.jpg\r"])
def test_an_image_id_that_no_list_can_hold_is_refused_when_it_is_written(tmp_path, image_id):
    with pytest.raises(DataError, match="holds a line break"):
        captions.write_captions(tmp_path / "captions.csv", TWO_IMAGES.assign(image_id=image_id))

    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_refused_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(WorkspaceError, match=r"captions.csv is missing; run data_prep.prepare"):
        captions.read_captions(tmp_path / "captions.csv")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (TWO_IMAGES.drop(columns="split"), "lacks the column split"),
        (TWO_IMAGES.assign(caption_id=["x#0", "x#0", "y#0"]), "has the caption id x#0 twice"),
        (TWO_IMAGES.assign(split=["train", "test", "val"]), "puts image a.jpg into two splits"),
        (TWO_IMAGES.assign(split=["train", "train", "restval"]), "has a split 'restval', not train or val or test"),
        (TWO_IMAGES.assign(image_id=["a.jpg", "a.jpg", ""]), "has no image_id in its row 3"),
        (TWO_IMAGES.iloc[[0, 2, 1]].assign(split="train"), "has the rows of image a.jpg apart from each other"),
    ],
)
def test_a_file_that_breaks_the_contract_is_refused(tmp_path, broken, message):
    broken.to_csv(tmp_path / "captions.csv", index=False)

    with pytest.raises(WorkspaceError, match=message):
        captions.read_captions(tmp_path / "captions.csv")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n"open'])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "captions.csv").write_bytes(content)

    with pytest.raises(WorkspaceError, match=r"captions.csv .*run data_prep.prepare again"):
        captions.read_captions(tmp_path / "captions.csv")


def test_images_stand_in_the_order_of_their_first_sentences():
    images = captions.images_of(TWO_IMAGES)

    assert images.to_numpy().tolist() == [["a.jpg", "a.jpg", "train"], ["b.jpg", "b.jpg", "val"]]


def test_a_split_holds_its_rows_alone():
    rows = captions.in_split(TWO_IMAGES, "val")

    assert rows["caption"].tolist() == ["A cat."]
    assert rows.index.tolist() == [0]


def test_an_empty_split_is_refused():
    with pytest.raises(WorkspaceError, match="no image in the test split"):
        captions.in_split(TWO_IMAGES, "test")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 1), byte=st.sampled_from([b"", b"\0", b'"', b"x", b"\xff"]))
def test_a_file_that_was_cut_off_is_refused_or_ends_with_a_whole_row(tmp_path, kept, byte):
    path = tmp_path / "captions.csv"
    captions.write_captions(path, TWO_IMAGES)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))] + byte)

    with contextlib.suppress(WorkspaceError):
        read = captions.read_captions(path)
        assert read.equals(TWO_IMAGES.head(len(read)))


@pytest.mark.parametrize(
    ("image_id", "photograph"),
    [
        ("1000268201_693b08cb0e.jpg", "1000268201.jpg"),
        ("1000268201.jpg", "1000268201.jpg"),
        # Flickr8K's two odd forms.
        ("109202801_c6381eef15_b.jpg", "109202801.jpg"),
        ("2258277193_586949ec62.jpg.1", "2258277193.jpg"),
        ("Flicker8k_Dataset/1000268201_693b08cb0e.jpeg", "1000268201.jpg"),
        ("COCO_val2014_000000179765.jpg", "000000179765.jpg"),
        ("train2014/COCO_train2014_000000179765.jpg", "000000179765.jpg"),
        ("000000179765.jpg", "000000179765.jpg"),
        # What may be another folder's too.
        ("cats/000000000001.jpg", "cats/000000000001.jpg"),
        ("cats/1.jpg", "cats/1.jpg"),
        ("scene_0123456789.jpg", "scene_0123456789.jpg"),
        ("12_0123.jpg", "12_0123.jpg"),
        ("1000268201_693b08cb0e.png", "1000268201_693b08cb0e.png"),
    ],
)
def test_a_photograph_has_one_name_in_every_release(image_id, photograph):
    assert captions.photograph(image_id) == photograph
    # What has been named so stays.
    assert captions.photograph(photograph) == photograph


@pytest.mark.parametrize("turned", [False, True])
def test_what_learnt_from_a_photograph_learnt_from_it_under_its_other_name(turned):
    names = ["1000268201_693b08cb0e.jpg", "1000268201.jpg"]
    here, there = reversed(names) if turned else names
    table = pd.DataFrame([(here, here, "test", "0", "a child")], columns=list(captions.COLUMNS))

    assert captions.evaluated_among(table, [there, "7.jpg"]).counts == "1 of the test split"
    assert captions.evaluated_among(table, ["7.jpg"]) is None
