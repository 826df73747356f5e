"""Truth of captions of the scenes: what people could see in the picture, word by word."""

import pytest

from cmr.captioner.scene_truth import SceneTruth, truth_table
from cmr.errors import WorkspaceError
from cmr.workspace import json_files, scene_contents
from data_prep.scenes import contents, sentences
from data_prep.scenes.scene import Scene, Thing, make_scenes


def truth_of(path, *drawn):
    json_files.write_json(path / "scene_contents.json", contents.contents(drawn))
    return SceneTruth(scene_contents.read_contents(path / "scene_contents.json", [scene.image_id for scene in drawn]))


@pytest.fixture(scope="module")
def drawn():
    return make_scenes(seed=5, num_scenes=252)


@pytest.fixture(scope="module")
def truth(drawn, tmp_path_factory):
    return truth_of(tmp_path_factory.mktemp("truth"), *drawn)


def test_every_sentence_of_a_scene_is_wholly_true_of_its_picture(drawn, truth):
    wrong = [
        (scene.image_id, sentence)
        for scene in drawn
        for sentence in sentences.sentences(scene)
        if not truth.check(scene.image_id, sentence).whole
    ]

    assert wrong == []


def test_no_sentence_of_a_scene_is_wholly_true_of_its_twin(drawn, truth):
    pairs = [(one, other) for one, other in zip(drawn[::2], drawn[1::2], strict=True) if one.split == other.split]
    true_of_both = [
        sentence
        for one, other in pairs
        for sentence in sentences.sentences(one)
        if truth.check(other.image_id, sentence).whole
    ]

    assert true_of_both == []


@pytest.fixture(scope="module")
def ball_and_box(tmp_path_factory):
    """A big red ball on the left of a small blue box, on the beach."""
    things = Thing("ball", "red", "big", 30.0, 110.0), Thing("box", "blue", "small", 90.0, 110.0)
    return truth_of(tmp_path_factory.mktemp("one"), Scene("a.png", "test", "beach", 50, "left", things))


@pytest.mark.parametrize(
    ("caption", "places", "things", "sizes", "relation"),
    [
        ("a red ball is to the left of a blue box on the beach", (True,), (True, True), (), True),
        ("A red ball is to the left of a blue box on the beach.", (True,), (True, True), (), True),
        ("a blue box is to the left of a red ball in the snow", (False,), (True, True), (), False),
        ("a blue ball is to the left of a red box on the beach", (True,), (False, False), (), False),
        ("the big red ball stands right of a small blue box on the beach", (True,), (True, True), (True, True), False),
        ("behind a small red ball there is a blue box", (), (True, True), (False,), False),
        ("a red ball is larger than a blue box at the seaside", (True,), (True, True), (), True),
        ("one red ball and one blue box on the beach", (True,), (True, True), (), False),
        ("a red ball a red ball", (), (True, True), (), None),
        ("", (), (), (), None),
    ],
)
def test_places_things_sizes_and_relations_are_looked_up(ball_and_box, caption, places, things, sizes, relation):
    checked = ball_and_box.check("a.png", caption)

    assert (checked.places, checked.things, checked.sizes, checked.relation) == (places, things, sizes, relation)


def test_contents_of_another_preparation_are_refused(tmp_path):
    drawn = make_scenes(seed=5, num_scenes=6)
    json_files.write_json(tmp_path / "scene_contents.json", contents.contents(drawn))

    with pytest.raises(WorkspaceError, match=r"says nothing of b\.png; run data_prep\.prepare again"):
        scene_contents.read_contents(tmp_path / "scene_contents.json", ["b.png"])


def test_the_table_counts_what_captions_name(ball_and_box):
    captions = ("a red ball is to the left of a blue box on the beach", "left of a red ball we see a green box", "red")

    table = truth_table(ball_and_box.check("a.png", caption) for caption in captions)

    assert "places                          100.0 % of 1" in table
    assert "things with their colours        75.0 % of 4" in table
    assert "wholly true captions             33.3 % of 3" in table
    assert "1 are no sentences of the scenes' grammar" in table
