"""Which sentences of other data sets the text encoder learns from."""

import pandas as pd

from cmr.data import examples, gathering
from cmr.workspace.captions import COLUMNS
from cmr.workspace.vocabulary import Vocabulary


def table(*images):
    """A captions.csv: of each image its id, its split, and how many sentences it has."""
    rows = [
        (image_id, image_id, split, f"{image_id}#{n}", f"{image_id} is said in sentence {n}")
        for image_id, split, number in images
        for n in range(number)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


OWN = table(
    ("100_0123456789.jpg", "train", 5),
    ("200_0123456789.jpg", "val", 5),
    ("300_0123456789_b.jpg", "test", 5),
    ("own.png", "captioning", 2),
)


def test_a_photograph_that_is_measured_on_is_left_out_whatever_its_id():
    flickr30k = table(("100.jpg", "train", 5), ("200.jpg", "train", 5), ("300.jpg", "val", 5), ("400.jpg", "test", 4))

    gathered = gathering.gather(OWN, {"flickr30k": flickr30k})

    assert gathered.captions["image_id"].unique().tolist() == ["100_0123456789.jpg", "400.jpg"]
    assert gathered.left_out == 2
    assert set(gathered.captions["split"]) == {"train"}


def test_a_photograph_of_two_data_sets_is_taken_once():
    first, second = table(("7.jpg", "train", 2)), table(("7_0123456789.jpg", "train", 3), ("8.jpg", "val", 2))

    gathered = gathering.gather(OWN, {"first": first, "second": second})

    assert gathered.captions["image_id"].unique().tolist() == ["100_0123456789.jpg", "7.jpg", "8.jpg"]


def test_sentences_of_other_data_sets_are_read_with_the_vocabulary_of_this_one():
    gathered = gathering.gather(OWN, {"other": table(("9.jpg", "train", 2))})
    vocabulary = Vocabulary.from_captions(["is said in sentence"])

    sentences = examples.split_examples(gathered.captions, "train", vocabulary, {})

    assert (sentences.num_images, sentences.num_captions) == (2, 7)
