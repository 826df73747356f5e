"""Raw data sets: every image and sentence is either used or named as a flaw."""

import collections
import hashlib
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.errors import DataError
from cmr.workspace import captions, paths
from data_prep.datasets import raw_dataset
from data_prep.datasets.raw_dataset import Flaw, RawPictures, Sentence


def refusal(read, *arguments) -> str:
    with pytest.raises(DataError) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Pictures


def test_pictures_are_told_from_what_else_lies_in_their_folder(tmp_path):
    pictures = {"a.jpg", "b.JPG", "c.jpeg", "d.png", "e f.jpg"}
    for name in (*pictures, ".DS_Store", "._a.jpg", "Thumbs.db", "a.jpg.1", "readme.txt"):
        (tmp_path / name).touch()

    assert raw_dataset.picture_names(tmp_path) == pictures


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "._a.jpg").touch()

    assert f"{tmp_path} holds no pictures" in refusal(raw_dataset.picture_names, tmp_path)


# Assembling


def assemble(sentences, splits, pictures):
    return raw_dataset.assemble(sentences, splits, RawPictures(pathlib.Path("pictures"), frozenset(pictures)), ())


# An image that each split can use, so that none is empty, and any number in any state.
_USABLE = {"train": "train.jpg", "val": "val.jpg", "test": "test.jpg"}
_WORDLESS = ("", " . ", "?!")


@st.composite
def raw_data(draw):
    images = {}
    for split, name in _USABLE.items():
        images[name] = (split, True, ["A usable picture .", *draw(st.lists(st.sampled_from(_WORDLESS), max_size=1))])
    for number in range(draw(st.integers(0, 6))):
        split = draw(st.sampled_from([None, *paths.SPLITS]))
        said = draw(st.lists(st.sampled_from(["A dog .", "a Dog", "Ein Hund läuft.", *_WORDLESS]), max_size=4))
        images[f"{number}.jpg"] = (split, draw(st.booleans()), said)
    numbered = [
        Sentence(f"{name}#{n}", name, text) for name, (_, _, said) in images.items() for n, text in enumerate(said)
    ]
    sentences = draw(st.permutations(numbered))
    listed = draw(st.permutations([(name, split) for name, (split, _, _) in images.items() if split]))
    splits = {split: [name for name, of in listed if of == split] for split in paths.SPLITS}
    return sentences, splits, {name for name, (_, has_picture, _) in images.items() if has_picture}


@settings(max_examples=150, deadline=None)
@given(raw=raw_data())
def test_every_image_with_split_picture_and_sentence_is_kept_once_with_all_its_sentences(raw):
    sentences, splits, pictures = raw

    raw = assemble(sentences, splits, pictures).captions

    # Image by image in the order of the lists, an image's sentences in the order of the token file.
    expected = [
        (name, name, split, sentence.caption_id, sentence.text)
        for split in ("train", "val", "test")
        for name in splits[split]
        for sentence in sentences
        if sentence.image_id == name and name in pictures and any(map(str.isalpha, sentence.text))
    ]
    assert list(raw.itertuples(index=False, name=None)) == expected
    assert tuple(raw.columns) == captions.COLUMNS


@settings(max_examples=150, deadline=None)
@given(raw=raw_data())
def test_every_image_is_either_kept_or_named_by_one_flaw(raw):
    sentences, splits, pictures = raw

    raw = assemble(sentences, splits, pictures)

    images = pictures.union(*splits.values(), (sentence.image_id for sentence in sentences))
    named = [name for flaw in raw.flaws if flaw.kind != "sentences without a word" for name in flaw.names]
    assert collections.Counter([*named, *raw.captions["image_id"].unique()]) == collections.Counter(images)


@settings(max_examples=150, deadline=None)
@given(raw=raw_data())
def test_every_sentence_is_kept_or_wordless_or_of_a_flawed_image(raw):
    sentences, splits, pictures = raw

    raw = assemble(sentences, splits, pictures)

    kept = raw.captions["caption_id"].tolist()
    flaws = {flaw.kind: flaw.names for flaw in raw.flaws}
    wordless = flaws.pop("sentences without a word", ())
    of_flawed = {s.caption_id for s in sentences if any(s.image_id in names for names in flaws.values())}
    assert not of_flawed & set(kept)
    assert collections.Counter([*kept, *(of_flawed | set(wordless))]) == collections.Counter(
        sentence.caption_id for sentence in sentences
    )


SPLITS = {"train": ["a.jpg"], "val": ["b.jpg"], "test": ["c.jpg"]}
SENTENCES = [Sentence(f"{name}#0", name, "A dog .") for name in ("a.jpg", "b.jpg", "c.jpg")]
PICTURES = {"a.jpg", "b.jpg", "c.jpg"}
Z = Sentence("z.jpg#0", "z.jpg", "A cat .")


def test_nothing_is_wrong_with_a_whole_data_set():
    assert assemble(SENTENCES, SPLITS, PICTURES).flaws == ()


@pytest.mark.parametrize(
    ("sentences", "train", "pictures", "flaw"),
    [
        ([], ["z.jpg"], set(), Flaw("images of a split without a picture", ("z.jpg",))),
        ([Z], ["z.jpg"], set(), Flaw("images of a split without a picture", ("z.jpg",))),
        (
            [Sentence("z.jpg.1#0", "z.jpg.1", "A cat ."), Sentence("z.jpg.1#1", "z.jpg.1", "It sits .")],
            [],
            set(),
            Flaw("images with sentences but neither picture nor split", ("z.jpg.1",)),
        ),
        ([Z], [], {"z.jpg"}, Flaw("pictures in no split", ("z.jpg",))),
        ([], [], {"z.jpg", "y.jpg"}, Flaw("pictures in no split", ("y.jpg", "z.jpg"))),
        ([], ["z.jpg"], {"z.jpg"}, Flaw("images of a split without a sentence", ("z.jpg",))),
        ([Sentence("a.jpg#1", "a.jpg", "...")], [], set(), Flaw("sentences without a word", ("a.jpg#1",))),
    ],
)
def test_each_kind_of_flaw_has_its_name(sentences, train, pictures, flaw):
    raw = assemble([*SENTENCES, *sentences], {**SPLITS, "train": ["a.jpg", *train]}, PICTURES | pictures)

    assert raw.flaws == (flaw,)


@pytest.mark.parametrize(
    ("sentences", "pictures"), [(SENTENCES, {"a.jpg", "c.jpg"}), ([SENTENCES[0], SENTENCES[2]], PICTURES)]
)
def test_a_split_without_one_usable_image_is_refused(sentences, pictures):
    said = refusal(assemble, sentences, SPLITS, pictures)

    assert "none of the 1 images of the val split has both a picture in pictures and a sentence" in said


def test_the_text_files_are_remembered_by_their_sha256(tmp_path):
    (tmp_path / "token.txt").write_bytes(b"a.jpg#0\tA dog.\n")

    raw = raw_dataset.assemble(SENTENCES, SPLITS, RawPictures(tmp_path, frozenset(PICTURES)), [tmp_path / "token.txt"])

    assert raw.sources == {"token.txt": hashlib.sha256(b"a.jpg#0\tA dog.\n").hexdigest()}
    assert raw.image_dir == str(tmp_path)


# Flaws


def test_ten_names_are_all_shown_and_eleven_are_not():
    names = tuple(f"{number}.jpg" for number in range(11))
    ten, eleven = Flaw("pictures in no split", names[:10]), Flaw("pictures in no split", names)

    assert str(ten) == f"pictures in no split (10): {', '.join(names[:10])}"
    assert str(eleven) == "pictures in no split (11): 0.jpg, 1.jpg, 2.jpg, ..."
    assert (ten.shows_all_names, eleven.shows_all_names) == (True, False)


def test_refusing_flaws_names_each_of_them():
    raw = assemble(SENTENCES, {**SPLITS, "test": ["c.jpg", "y.jpg"]}, PICTURES | {"z.jpg"})

    assert refusal(raw.refuse_flaws) == (
        "the data set has flaws: images of a split without a picture (1): y.jpg; pictures in no split (1): z.jpg. "
        "Mend them, or give --on_flaw=drop"
    )


def test_there_is_nothing_to_refuse_without_flaws():
    raw = assemble(SENTENCES, SPLITS, PICTURES)

    assert raw.refuse_flaws() is None
