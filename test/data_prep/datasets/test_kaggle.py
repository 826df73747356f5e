"""Both Flickr data sets as Kaggle has them: Images/ and captions.txt, with the usual split lists or without."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import DataError
from data_prep.datasets import flickr8k, flickr30k, kaggle

TWO, THREE = "image,caption", "image_name,comment_number,comment"
READERS = {"flickr8k": flickr8k.read_flickr8k, "flickr30k": flickr30k.read_flickr30k}
LISTS = {
    "flickr8k": ("Flickr_8k.trainImages.txt", "Flickr_8k.devImages.txt", "Flickr_8k.testImages.txt"),
    "flickr30k": ("train.txt", "val.txt", "test.txt"),
}


def make_folder(folder, header, images=8, sentences=("A dog , running .", '"A" is written there .')):
    (folder / "Images").mkdir()
    lines = [header]
    for image in range(images):
        (folder / "Images" / f"{image}.jpg").touch()
        for number, sentence in enumerate(sentences):
            lines.append(",".join([f"{image}.jpg", *([str(number)] if header == THREE else []), sentence]))
    (folder / "captions.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("header", [TWO, THREE])
@pytest.mark.parametrize("dataset", READERS)
def test_without_lists_splits_are_drawn_and_that_is_said(tmp_path, dataset, header):
    raw = READERS[dataset](make_folder(tmp_path, header))

    assert {split: size["images"] for split, size in raw.split_sizes().items()} == {"train": 6, "val": 1, "test": 1}
    assert raw.captions["caption"].tolist()[:2] == ["A dog , running .", '"A" is written there .']
    assert raw.protocol.startswith("no split lists are there: 1 test and 1 validation images are drawn with seed 0")
    assert raw.layout.startswith("captions.txt in the place of ")
    assert raw.layout.endswith(", pictures in Images")
    assert raw.flaws == ()


@pytest.mark.parametrize("dataset", READERS)
def test_with_lists_they_decide(tmp_path, dataset):
    folder = make_folder(tmp_path, TWO, images=3)
    for image, name in enumerate(LISTS[dataset]):
        (folder / name).write_text(f"{image}.jpg\n")

    raw = READERS[dataset](folder)

    assert raw.captions["image_id"].unique().tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert "drawn" not in raw.protocol


@pytest.mark.parametrize("dataset", READERS)
def test_a_part_of_the_lists_is_not_enough(tmp_path, dataset):
    folder = make_folder(tmp_path, TWO)
    (folder / LISTS[dataset][0]).write_text("0.jpg\n")

    with pytest.raises(DataError, match=f"{LISTS[dataset][1]} is missing"):
        READERS[dataset](folder)


def test_another_seed_draws_other_splits(tmp_path):
    folder = make_folder(tmp_path, TWO, images=40)

    drawn = [flickr8k.read_flickr8k(folder, seed=seed).captions for seed in (0, 0, 1)]

    assert drawn[0].equals(drawn[1])
    assert not drawn[0].equals(drawn[2])


def test_the_known_line_without_its_second_separator_is_read(tmp_path):
    (tmp_path / "captions.txt").write_text(f"{THREE}\n2199200615.jpg, 4   A dog runs across the grass .\n")

    sentence = kaggle.read_captions_txt(tmp_path / "captions.txt")[0]

    assert (sentence.caption_id, sentence.text) == ("2199200615.jpg#4", "A dog runs across the grass .")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sentence=st.text(st.characters(exclude_categories=("Cs", "Zs", "Cc")), min_size=1), quoted=st.booleans())
def test_a_sentence_is_the_same_in_quotes_and_without(tmp_path, sentence, quoted):
    path = tmp_path / "captions.txt"
    cell = '"' + sentence.replace('"', '""') + '"' if quoted or sentence.startswith('"') else sentence
    path.write_text(f"{TWO}\n1.jpg,{cell}\n", encoding="utf-8")

    assert [each.text for each in kaggle.read_captions_txt(path)] == [sentence]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("picture,words\n1.jpg,A dog\n", "begins with 'picture,words' and not with image,caption"),
        (f"{TWO}\n1.jpg\n", "line 2 is not 'image,caption': '1.jpg'"),
        (f"{TWO}\n1.jpg,A dog\n\n2.jpg,A cat\n", "line 3 is not 'image,caption': ''"),
        (f"{TWO}\n,A dog\n", "line 2 is not"),
        (f"{THREE}\n1.jpg,A dog\n", "line 2 is not"),
        (f"{THREE}\n1.jpg,one,A dog\n", "line 2 is not"),
        (f"{THREE}\n1.jpg,0,A dog\n1.jpg,0,A cat\n", "has the id 1.jpg#0 twice"),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_line(tmp_path, text, message):
    (tmp_path / "captions.txt").write_text(text)

    with pytest.raises(DataError, match=message):
        kaggle.read_captions_txt(tmp_path / "captions.txt")
