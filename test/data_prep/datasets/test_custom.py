"""A user's own pictures: CSV or JSON Lines."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import DataError
from data_prep.datasets import custom

ROWS = [("a/1.jpg", "A dog, running.", "train"), ("a/1.jpg", "One dog.", "train"), ("2.png", "A cat.", "dev")]
ROWS += [("3.jpg", "A horse.", "test")]


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("a/1.jpg", "2.png", "3.jpg"):
        (tmp_path / name).write_bytes(b"a picture")
    return tmp_path


def write_csv(folder, rows=ROWS, header="image,caption,split"):
    lines = [header, *(",".join(f'"{cell}"' for cell in row) for row in rows)]
    (folder / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")


def write_json_lines(folder, rows=ROWS):
    lines = [json.dumps(dict(zip(("image", "caption", "split"), row, strict=False))) for row in rows]
    (folder / "captions.jsonl").write_text("\n\n".join(lines))


@pytest.mark.parametrize("write", [write_csv, write_json_lines])
def test_both_formats_give_the_same(pictures, write):
    write(pictures)

    raw = custom.read_custom(pictures)

    assert raw.captions[["image_id", "file_name", "split", "caption_id", "caption"]].values.tolist() == [
        ["a/1.jpg", "a/1.jpg", "train", "a/1.jpg#0", "A dog, running."],
        ["a/1.jpg", "a/1.jpg", "train", "a/1.jpg#1", "One dog."],
        ["2.png", "2.png", "val", "2.png#0", "A cat."],
        ["3.jpg", "3.jpg", "test", "3.jpg#0", "A horse."],
    ]
    assert (raw.image_dir, raw.flaws) == (str(pictures), ())


# No deadline: it writes files.
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 100), captions=st.lists(st.integers(1, 3), min_size=3, max_size=12))
def test_without_a_split_column_images_are_drawn_whole(tmp_path_factory, seed, captions):
    folder = tmp_path_factory.mktemp("custom")
    rows = [(f"{image}.jpg", "A dog.") for image, count in enumerate(captions) for _ in range(count)]
    write_csv(folder, rows, "image,caption")

    raw = custom.read_custom(folder, seed=seed, pictures_required=False)

    assert (raw.captions.groupby("image_id")["split"].nunique() == 1).all()
    assert len(raw.captions) == sum(captions)
    assert "captions.csv names no splits: 1 test and 1 validation images are drawn with seed" in raw.protocol


def test_a_file_elsewhere_is_named_by_its_path(pictures, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_csv(elsewhere)

    assert len(custom.read_custom(pictures, str(elsewhere / "captions.csv")).captions) == 4


def test_a_picture_that_is_not_there_is_a_flaw(pictures):
    write_csv(pictures, [*ROWS, ("4.jpg", "A cow.", "train")])

    flaws = custom.read_custom(pictures).flaws

    assert [(flaw.kind, flaw.names) for flaw in flaws] == [("images of a split without a picture", ("4.jpg",))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"has the columns \(none\)"),
        ("image,text\n1.jpg,A dog\n", "has the columns image, text; its first line must name image and caption"),
        ("image,caption\n1.jpg,A dog, running\n", "line 2 has not as many cells"),
        ("image,caption\n1.jpg\n", "line 2 has not as many cells"),
        ("image,caption\n", "holds no row"),
        ('image,caption\n1.jpg,"A dog\n', "after line 1: unexpected end of data; mend the quotes"),
        ("image,caption,split\n1.jpg,A dog,trian\n", "line 2 has the split trian; choose train, val or test"),
        ("image,caption,split\n1.jpg,A.,train\n1.jpg,B.,test\n", r"line 3: image 1\.jpg is in the split test here"),
        ("image,caption,split\n1.jpg,A.,train\n2.jpg,B.,\n", r"none to 1, such as 2\.jpg"),
        ("image,caption,split\n1.jpg,A.,train\n2.jpg,B.,test\n", "puts no image into the val split"),
        ("image,caption\n/etc/1.jpg,A dog\n", "is not below --data_dir"),
        ("image,caption\n../1.jpg,A dog\n", "is not below --data_dir"),
        ("image,caption\n,A dog\n", "line 2 has no image or no caption"),
        ("image,caption\n1.jpg,A\n2.jpg,B\n", "2 images can't be split"),
    ],
)
def test_a_malformed_csv_is_refused(pictures, text, message):
    (pictures / "captions.csv").write_text(text)

    with pytest.raises(DataError, match=message):
        custom.read_custom(pictures)


def test_a_csv_of_another_encoding_is_refused(pictures):
    (pictures / "captions.csv").write_bytes("image,caption\n1.jpg,Caf\u00e9\n".encode("latin-1"))

    with pytest.raises(DataError, match="is not UTF-8"):
        custom.read_custom(pictures)


@pytest.mark.parametrize("line", ["{", "[1]", "7"])
def test_a_line_that_is_no_json_object_is_refused(pictures, line):
    (pictures / "captions.jsonl").write_text('{"image": "1.jpg", "caption": "A."}\n' + line)

    with pytest.raises(DataError, match="line 2 is not a JSON object"):
        custom.read_custom(pictures)


def test_without_a_captions_file_the_message_says_what_to_write(pictures):
    with pytest.raises(DataError, match=r"captions\.csv is missing; write a CSV file with the columns image"):
        custom.read_custom(pictures)
