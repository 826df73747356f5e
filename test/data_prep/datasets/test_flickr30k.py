"""Flickr30K in the layouts that are in circulation."""

import pytest

from cmr.errors import DataError
from data_prep.datasets import flickr30k

IMAGES = ("1.jpg", "2.jpg", "3.jpg")
HEADER = "image_name| comment_number| comment\n"


def layout(folder, captions="results_20130124.token", images=IMAGES, split_names=("train.txt", "val.txt", "test.txt")):
    """Three images with two sentences each, one image a split."""
    pictures = folder / "flickr30k-images"
    pictures.mkdir(parents=True)
    for name in images:
        (pictures / name).write_bytes(b"a picture")
    rows = [(name, number) for name in IMAGES for number in range(2)]
    if captions.endswith(".token"):
        text = "".join(f"{name}#{number}\tA dog {number}.\n" for name, number in rows)
    else:
        text = HEADER + "".join(f"{name}| {number}| A dog {number} .\n" for name, number in rows)
    (folder / captions).write_text(text)
    for name, image in zip(split_names, IMAGES, strict=True):
        (folder / name).write_text(f"{image}\n")
    return folder


@pytest.mark.parametrize("captions", ["results_20130124.token", "results.csv"])
def test_sentences_splits_and_pictures_come_together(tmp_path, captions):
    raw = flickr30k.read_flickr30k(layout(tmp_path, captions))

    assert raw.captions["image_id"].tolist() == ["1.jpg", "1.jpg", "2.jpg", "2.jpg", "3.jpg", "3.jpg"]
    assert raw.captions["split"].tolist() == ["train", "train", "val", "val", "test", "test"]
    assert raw.captions["caption_id"].tolist()[:2] == ["1.jpg#0", "1.jpg#1"]
    assert raw.captions["caption"].tolist()[1].startswith("A dog 1")
    assert raw.flaws == ()
    assert raw.image_dir == str(tmp_path / "flickr30k-images")


def test_split_lists_may_leave_the_ending_out_and_say_dev(tmp_path):
    folder = layout(tmp_path, split_names=("train.txt", "dev.txt", "test.txt"))
    (folder / "train.txt").write_text("1\n")

    assert flickr30k.read_flickr30k(folder).split_sizes()["train"] == {"images": 1, "captions": 2}


def test_the_known_line_without_its_second_separator_is_read(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(HEADER + "2199200615.jpg| 3| A dog .\n2199200615.jpg| 4   A dog runs across the grass .\n")

    sentence = flickr30k.read_results_csv(path)[1]

    assert (sentence.caption_id, sentence.text) == ("2199200615.jpg#4", "A dog runs across the grass .")


def test_a_bar_inside_a_sentence_belongs_to_it(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(HEADER + "1.jpg| 0| A | B .\n")

    assert flickr30k.read_results_csv(path)[0].text == "A | B ."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,comment\n1.jpg,A dog\n", "does not begin with"),
        (HEADER + "1.jpg| 0| A dog .\n1.jpg A dog .\n", "line 3 is not 'image. number. sentence'"),
        (HEADER + "1.jpg| zero| A dog .\n", "line 2 is not"),
        (HEADER + "1.jpg| 0| A dog .\n1.jpg| 0| A cat .\n", r"line 3 has the id 1\.jpg#0 again"),
        ("", "is empty"),
    ],
)
def test_a_malformed_csv_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "results.csv"
    path.write_text(text)

    with pytest.raises(DataError, match=message):
        flickr30k.read_results_csv(path)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("results_20130124.token", "results_20130124.token is missing, and so is results.csv"),
        ("val.txt", "val.txt is missing; Flickr30K comes without split lists"),
    ],
)
def test_a_missing_file_is_named_with_the_mend(tmp_path, missing, message):
    folder = layout(tmp_path)
    (folder / missing).unlink()

    with pytest.raises(DataError, match=message):
        flickr30k.read_flickr30k(folder)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        flickr30k.read_flickr30k(tmp_path / "nowhere")


def test_an_image_without_a_picture_is_a_flaw_where_pictures_are_required(tmp_path):
    folder = layout(tmp_path)
    (folder / "train.txt").write_text("1.jpg\n4.jpg\n")

    raw = flickr30k.read_flickr30k(folder)

    assert [(flaw.kind, flaw.names) for flaw in raw.flaws] == [("images of a split without a picture", ("4.jpg",))]


def test_without_pictures_the_message_names_the_flag(tmp_path):
    folder = layout(tmp_path, images=())
    (folder / "flickr30k-images").rmdir()

    with pytest.raises(DataError, match=r"flickr30k-images is missing; .*--pictures=optional"):
        flickr30k.read_flickr30k(folder)


def test_optional_pictures_keep_images_that_have_none(tmp_path):
    folder = layout(tmp_path, images=("2.jpg",))

    raw = flickr30k.read_flickr30k(folder, pictures_required=False)

    assert raw.captions["image_id"].nunique() == 3
    assert raw.flaws == ()


def test_the_real_captions_are_split_as_published(shared):
    raw = flickr30k.read_flickr30k(shared / "data" / "flickr30k", pictures_required=False)

    assert raw.split_sizes() == {
        "train": {"images": 29_000, "captions": 145_000},
        "val": {"images": 1_014, "captions": 5_070},
        "test": {"images": 1_000, "captions": 5_000},
    }
    assert raw.flaws == ()


def test_complete_lists_of_other_sizes_are_refused(shared, tmp_path):
    data = shared / "data" / "flickr30k"
    (tmp_path / "results_20130124.token").symlink_to(data / "results_20130124.token")
    lists = {split: (data / f"{split}.txt").read_text().splitlines() for split in ("train", "val", "test")}
    lists["val"].append(lists["train"].pop())
    for split, images in lists.items():
        (tmp_path / f"{split}.txt").write_text("\n".join(images))

    with pytest.raises(DataError, match="put 28,999 / 1,015 / 1,000 images into train, val, test, where 29,000"):
        flickr30k.read_flickr30k(tmp_path, pictures_required=False)
