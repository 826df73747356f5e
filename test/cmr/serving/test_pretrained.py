"""The model that comes along: taken where none is named, and good enough to find a stranger's photographs."""

import json

import numpy as np
import pytest
import tiny_runs
from commands import ROOT
from PIL import Image

import cmr
from cmr.evaluation import metrics
from cmr.serving import packed_model

MOST_BYTES = 25_000_000


@pytest.fixture(scope="module")
def pretrained():
    return cmr.load()


@pytest.fixture
def pictures(tmp_path):
    for name, colour in (("sea", (9, 80, 200)), ("grass", (30, 160, 40))):
        Image.new("RGB", (60, 40), colour).save(tmp_path / f"{name}.png")
    return tmp_path


def test_its_card_lies_beside_it_and_names_the_licences_and_the_command(pretrained):
    card = (ROOT / "cmr/pretrained/flickr8k.md").read_text(encoding="utf-8")

    assert card == pretrained.parts.card
    for part in ("non-commercial research", "Apache License 2.0", "python -m cmr.train", "stands in for VGG16 fc7"):
        assert part in card


def test_it_is_small_and_names_no_folder_of_whoever_made_it():
    content = (ROOT / "cmr/pretrained/flickr8k.cmr").read_bytes()

    assert len(content) <= MOST_BYTES
    assert b"workspace_dir" not in content


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("a dog runs along the sea", ("dog", "beach", "water", "ocean", "sand")),
        ("a man climbs a rock", ("climb", "rock", "cliff", "mountain")),
        ("two children play football", ("soccer", "football", "ball")),
    ],
)
def test_the_nearest_training_sentences_are_of_the_same_matter(pretrained, query, words):
    (vector,) = pretrained.embed_sentences([query])
    sentences = pretrained.sentences

    nearest = np.argsort(-(sentences.rows.astype(np.float32) @ vector))[:10]

    about = [any(word in sentences.texts[row].lower() for word in words) for row in nearest]
    assert sum(about) >= 8


def test_a_new_index_takes_it_and_its_search_finds_it_again(pictures):
    indexed = tiny_runs.call_command("cmr.index", str(pictures))
    searched = tiny_runs.call_command("cmr.search", "green grass", f"--pictures={pictures}")

    assert indexed.returncode == 0, indexed.stderr
    assert json.loads((pictures / ".cmr/gallery.json").read_text())["model"] == packed_model.PRETRAINED
    assert searched.stdout.count("\n") == 2, searched.stderr


def test_sentences_of_a_picture_need_no_index(pictures):
    ended = tiny_runs.call_command(
        "cmr.search", str(pictures / "grass.png"), "--sentences", f"--pictures={pictures}", "--top=3"
    )

    assert ended.stdout.count("\n") == 3, ended.stderr


def test_a_list_is_embedded_and_not_the_letters_of_one_sentence(pretrained, pictures):
    paths = [pictures / "sea.png", pictures / "grass.png"]

    for one, embed in (("a dog", pretrained.embed_sentences), (paths[0], pretrained.embed_pictures)):
        with pytest.raises(TypeError, match="takes a list of"):
            embed(one)
    np.testing.assert_array_equal(pretrained.embed_pictures(iter(paths)), pretrained.embed_pictures(paths))


def test_it_finds_cocos_photographs_by_their_sentences(shared, pretrained):
    described = json.loads((shared / "data/mscoco/annotations/captions_train2017.json").read_text())
    images = sorted(described["images"], key=lambda image: image["id"])
    rows = {image["id"]: row for row, image in enumerate(images)}
    captions = sorted(described["annotations"], key=lambda caption: rows[caption["image_id"]])

    pictures = pretrained.embed_pictures([shared / "data/mscoco/train2017" / image["file_name"] for image in images])
    sentences = pretrained.embed_sentences([caption["caption"] for caption in captions])
    image_of_caption = np.array([rows[caption["image_id"]] for caption in captions])
    of_cosines = metrics.evaluate(pictures, sentences, image_of_caption)
    as_searched = metrics.evaluate(
        pretrained.gallery_rows(pictures), np.pad(sentences, ((0, 0), (0, 1)), constant_values=1), image_of_caption
    )

    # By chance 12.5 of the 80 photographs' sentences would be.
    assert of_cosines.image_retrieval.recall_at_10 > 60
    assert as_searched.image_retrieval.recall_at_1 > of_cosines.image_retrieval.recall_at_1
