"""A user's own pictures: sentences in every form that people have, or a refusal that names the line."""

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cmr.errors import DataError
from data_prep.datasets.custom import reading

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

    raw = reading.read_custom(pictures)

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

    raw = reading.read_custom(folder, seed=seed, pictures_required=False)

    assert (raw.captions.groupby("image_id")["split"].nunique() == 1).all()
    assert len(raw.captions) == sum(captions)
    assert "captions.csv names no splits: 1 test and 1 validation images are drawn with seed" in raw.protocol


def test_a_file_elsewhere_is_named_by_its_path(pictures, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_csv(elsewhere)

    assert len(reading.read_custom(pictures, str(elsewhere / "captions.csv")).captions) == 4


def test_a_picture_that_is_not_there_is_a_flaw(pictures):
    write_csv(pictures, [*ROWS, ("4.jpg", "A cow.", "train")])

    flaws = reading.read_custom(pictures).flaws

    assert [(flaw.kind, flaw.names) for flaw in flaws] == [("images of a split without a picture", ("4.jpg",))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"has the columns \(none\)"),
        ("image,words\n1.jpg,A dog\n", "has the columns 'image', 'words'; its first line must name an image"),
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
        reading.read_custom(pictures)


def test_a_csv_of_another_encoding_is_refused(pictures):
    (pictures / "captions.csv").write_bytes("image,caption\n1.jpg,Caf\u00e9\n".encode("latin-1"))

    with pytest.raises(DataError, match="is not UTF-8"):
        reading.read_custom(pictures)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON"),
        ("[1]", "line 2 is not a JSON object"),
        ("7", "line 2 is not a JSON object"),
        ("[" * 100_000, "line 2 is nested too deeply"),
        (r'{"image": "1.jpg", "caption": "a \ud83d dog"}', r"line 2 is not UTF-8 text, \\ud83d being half a surrogate"),
        ('{"image": "1.jpg", "caption": "A.", "caption": "B."}', "line 2 is not JSON .*'caption' twice"),
        ('{"image": "2.jpg", "caption": "A.\\u0000"}', "line 2 holds a zero byte"),
        (
            '{"image": "2\\t.jpg", "caption": "A."}',
            "line 2 has the image '2.t.jpg', whose name holds a line's end or a con",
        ),
        (
            '{"image": "2\\u2028.jpg", "caption": "A."}',
            r"line 2 has the image '2\\u2028.jpg', whose name holds a line's",
        ),
        ('{"image": "2.jpg", "label": "A."}', "line 2 has the keys 'image', 'label'; it must have an image"),
        ('{"image": "2.jpg", "captions": []}', "line 2 has no caption"),
        ('{"image": "2.jpg", "captions": [["A."]]}', "line 2 has no image or no caption; give both as text"),
        ('{"image": 2, "caption": "A."}', "line 2 has no image or no caption; give both as text"),
    ],
)
def test_a_line_that_is_no_row_is_refused_with_its_number(pictures, line, message):
    (pictures / "captions.jsonl").write_text('{"image": "1.jpg", "caption": "A."}\n' + line)

    with pytest.raises(DataError, match=message):
        reading.read_custom(pictures)


def test_without_a_captions_file_the_message_says_what_to_write(pictures):
    with pytest.raises(DataError, match=r"captions\.csv is missing; write a CSV file with the columns image"):
        reading.read_custom(pictures)


NO_SPLITS = [(image, said) for image, said, _ in ROWS]
COLUMNS_IN_USE = [
    ("image", "caption"),
    ("file_name", "text"),
    ("filepath", "title"),
    ("image_path", "caption"),
    ("Image", "Caption"),
    (" File Name ", " Sentence "),
    ("image-name", "comment"),
]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("names", COLUMNS_IN_USE)
def test_a_table_is_read_whatever_its_columns_are_called_and_stands_between_them(pictures, names, delimiter):
    lines = [delimiter.join(names), *(delimiter.join(f'"{cell}"' for cell in row) for row in NO_SPLITS)]
    (pictures / "captions.tsv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())

    raw = reading.read_custom(pictures)

    assert sorted(raw.captions["caption"]) == sorted(said for _, said in NO_SPLITS)
    assert f"images from {names[0].strip()!r}, sentences from {names[1].strip()!r}" in raw.layout


def test_excels_line_of_the_separator_is_passed_over(pictures):
    lines = ["sep=;", "image;caption", *(f"{image};{said}" for image, said in NO_SPLITS)]
    (pictures / "captions.csv").write_text("\r\n".join(lines))

    assert len(reading.read_custom(pictures).captions) == 4


def test_utf16_is_named(pictures):
    (pictures / "captions.csv").write_bytes("image,caption\n1.jpg,A dog\n".encode("utf-16"))

    with pytest.raises(
        DataError, match=r"captions\.csv is not UTF-8 but UTF-16, as Excel's Unicode text is; save it as UTF-8"
    ):
        reading.read_custom(pictures)


BY_IMAGE = {"a/1.jpg": ["A dog, running.", "One dog."], "2.png": ["A cat."], "3.jpg": ["A horse."]}
COCO = {
    "images": [{"id": number, "file_name": name} for number, name in enumerate(BY_IMAGE)],
    "annotations": [
        {"id": 10 * number + place, "image_id": number, "caption": said}
        for number, sentences in enumerate(BY_IMAGE.values())
        for place, said in enumerate(sentences)
    ],
}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param([{"image": image, "caption": said} for image, said in NO_SPLITS], id="a list of rows"),
        pytest.param(
            [{"image": image, "captions": said} for image, said in BY_IMAGE.items()], id="a list of sentences"
        ),
        pytest.param(
            [{"file_name": image, "sentences": [{"raw": each} for each in said]} for image, said in BY_IMAGE.items()],
            id="sentences as objects",
        ),
        pytest.param({"data": [{"image": image, "text": said} for image, said in NO_SPLITS]}, id="a list in an object"),
        pytest.param(
            {
                "images": [
                    {"filename": image, "sentences": [{"raw": s} for s in said]} for image, said in BY_IMAGE.items()
                ]
            },
            id="Karpathy's form",
        ),
        pytest.param(BY_IMAGE, id="sentences by image"),
        pytest.param(COCO, id="MSCOCO's form"),
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_json_of_every_form_gives_the_same_sentences(pictures, content, mark):
    (pictures / "captions.json").write_bytes(mark + json.dumps(content, indent=1).encode())

    raw = reading.read_custom(pictures)

    assert raw.captions.groupby("image_id")["caption"].agg(list).to_dict() == BY_IMAGE
    assert raw.flaws == ()


def test_a_json_file_may_hold_an_object_a_line(pictures):
    lines = [json.dumps({"image": image, "captions": said}) for image, said in BY_IMAGE.items()]
    (pictures / "captions.json").write_text("\n".join(lines))

    assert len(reading.read_custom(pictures).captions) == 4


def coco_file(path, names):
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    notes = [{"image_id": number, "caption": "A dog."} for number in range(len(names))]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": notes}))


def test_files_of_mscocos_form_say_their_split_and_folder_in_their_names(tmp_path):
    names = {"train2020": ["a.jpg", "b.jpg"], "val2020": ["c.jpg", "d.jpg", "e.jpg"]}
    for part, files in names.items():
        coco_file(tmp_path / "annotations" / f"captions_{part}.json", files)
        (tmp_path / "images" / part).mkdir(parents=True)
        for name in files:
            (tmp_path / "images" / part / name).touch()

    raw = reading.read_custom(tmp_path)

    assert {split: size["images"] for split, size in raw.split_sizes().items()} == {"train": 2, "val": 2, "test": 1}
    assert set(raw.captions["file_name"]) == {f"images/{part}/{name}" for part in names for name in names[part]}
    assert "have no test images: half of the validation images, 1 drawn with seed 0" in raw.protocol
    assert "pictures in images/train2020, images/val2020" in raw.layout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": [{"id": 1}], "annotations": []}, "entry 1 of images has no image"),
        ({"images": [{"file_name": "a.jpg"}], "annotations": []}, "entry 1 of images has no id"),
        ({**COCO, "images": COCO["images"] * 2}, "entry 4 of images has the id 0 again"),
        (
            {**COCO, "annotations": [{"image_id": 9, "caption": "A."}]},
            "entry 1 of annotations has the image_id 9, which no",
        ),
        ({**COCO, "annotations": [{"image_id": 0}]}, "entry 1 of annotations has no image or no caption"),
        ({**COCO, "annotations": []}, "holds no row"),
        ([["1.jpg", "A dog"]], "entry 1 is not a JSON object"),
        ([], "holds no row"),
        ("a dog", "neither a list nor an object"),
        ({"1.jpg": 3}, "has no image or no caption"),
    ],
)
def test_json_of_no_form_is_refused_with_its_entry(pictures, content, message):
    (pictures / "captions.json").write_text(json.dumps(content))

    with pytest.raises(DataError, match=message):
        reading.read_custom(pictures)


@pytest.mark.parametrize("written", ["{folder}/3.jpg", "./3.jpg", " 3.jpg ", "{folder}//3.jpg"])
def test_a_path_below_the_folder_is_taken_however_it_is_written(pictures, written):
    write_csv(pictures, [*ROWS[:3], (written.format(folder=pictures), "A horse.", "test")])

    assert reading.read_custom(pictures).captions["image_id"].tolist()[-1] == "3.jpg"


@pytest.mark.parametrize("written", ["C:\\pictures\\3.jpg", "/etc/3.jpg", "a/../../3.jpg", "."])
def test_a_path_that_is_not_below_the_folder_is_refused(pictures, written):
    write_csv(pictures, [*ROWS[:3], (written, "A horse.", "test")])

    with pytest.raises(DataError, match="is not below --data_dir"):
        reading.read_custom(pictures)


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_finds_its_picture_in_either_unicode_form_and_is_one_image(pictures, listed, stored):
    (pictures / unicodedata.normalize(stored, "caf\u00e9.jpg")).touch()
    name = unicodedata.normalize(listed, "caf\u00e9.jpg")
    write_csv(pictures, [*ROWS, (name, "A table.", "train"), (unicodedata.normalize(stored, name), "A cup.", "train")])

    raw = reading.read_custom(pictures)

    assert raw.flaws == ()
    assert raw.captions["image_id"].tolist().count(name) == 2
    assert (pictures / raw.captions.set_index("image_id")["file_name"][name].iloc[0]).exists()


def test_pictures_may_lie_in_a_folder_that_their_names_leave_out(pictures):
    (pictures / "images").mkdir()
    (pictures / "3.jpg").rename(pictures / "images" / "3.jpg")
    write_csv(pictures)

    raw = reading.read_custom(pictures)

    assert raw.captions["file_name"].tolist()[-1] == "images/3.jpg"
    assert raw.layout.endswith("splits from 'split'; pictures in images")


def test_a_cell_that_goes_on_and_on_is_not_blamed_on_quotes_alone(pictures):
    (pictures / "captions.csv").write_text(f"image,caption\n1.jpg,{'A dog. ' * 20_000}\n")

    with pytest.raises(
        DataError, match=r"a cell has more than 131,072 characters; close the double quote .* or shorten"
    ):
        reading.read_custom(pictures)


@pytest.mark.parametrize("where", ["images", "annotations"])
def test_the_splits_of_mscocos_form_are_taken(pictures, where):
    splits = ["test", "train", "val"]
    for number in range(1, 4):
        Image.new("RGB", (8, 8)).save(pictures / f"{number}.jpg")
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(1, 4)]
    notes = [{"image_id": number, "caption": f"A dog {number}."} for number in range(1, 4)]
    for split, entry in zip(splits, images if where == "images" else notes, strict=True):
        entry["split"] = split
    (pictures / "captions.json").write_text(json.dumps({"images": images, "annotations": notes}))

    raw = reading.read_custom(pictures)

    of_images = dict(zip(raw.captions["image_id"], raw.captions["split"], strict=True))
    assert of_images == {f"{number}.jpg": split for number, split in enumerate(splits, start=1)}
    assert raw.protocol.startswith("the splits of")


@pytest.mark.parametrize("seed", range(4))
def test_splits_are_drawn_among_the_images_that_can_be_used(tmp_path, seed):
    for number in range(40):
        if number % 2:
            Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
    rows = [(f"{number}.png", "..." if number % 10 == 1 else f"A dog {number}.") for number in range(40)]
    write_csv(tmp_path, rows, "image,caption")

    raw = reading.read_custom(tmp_path, seed=seed)

    usable = [number for number in range(40) if number % 2 and number % 10 != 1]
    assert {split: sizes["images"] for split, sizes in raw.split_sizes().items()} == {"train": 14, "val": 1, "test": 1}
    assert sorted(raw.captions["image_id"]) == sorted(f"{number}.png" for number in usable)
    assert "1 test and 1 validation images are drawn" in raw.protocol
    assert raw.flaws


def test_a_sentence_in_the_place_of_an_image_names_no_picture(pictures):
    write_csv(pictures, [("A dog runs. " * 40 + str(number), f"{number}.jpg") for number in range(3)], "image,caption")

    with pytest.raises(DataError, match="none of the 1 images of the train split has both a picture"):
        reading.read_custom(pictures)


def test_the_columns_of_a_wrong_header_are_shown_with_what_cannot_be_seen(pictures):
    (pictures / "captions.csv").write_text("image\u00a0\tcap\u200btion\n")

    with pytest.raises(DataError, match=r"has the columns 'image', 'cap\\u200btion'"):
        reading.read_custom(pictures)


def test_where_no_picture_is_there_the_message_names_one_and_the_path_that_was_tried(pictures):
    write_csv(pictures, [(f"x{image}", said, split) for image, said, split in ROWS])

    with pytest.raises(
        DataError, match=r"none of the 1 images of the train split .*: for xa/1\.jpg there is no .*/xa/1\.jpg;"
    ):
        reading.read_custom(pictures)
