"""The embedded data set: scenes come in twins, their sentences are true of one twin only, their pictures show it."""

import collections
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.workspace import vocabulary
from data_prep.scenes import drawing, reader, sentences
from data_prep.scenes.scene import FLOATING, SIZE, STANDING, Scene, Thing, make_scenes


@pytest.fixture(scope="module")
def drawn():
    return make_scenes(seed=3, num_scenes=120)


def twins(drawn):
    by_split = collections.defaultdict(list)
    for scene in drawn:
        by_split[scene.split].append(scene)
    return [pair for split in by_split.values() for pair in zip(split[::2], split[1::2], strict=False)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), num_scenes=st.integers(6, 60))
def test_the_same_seed_thinks_up_the_same_scenes(seed, num_scenes):
    first = make_scenes(seed, num_scenes)

    assert first == make_scenes(seed, num_scenes)
    assert first != make_scenes(seed + 1, num_scenes)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), num_scenes=st.integers(6, 60))
def test_a_sixth_is_for_validation_and_a_sixth_for_test(seed, num_scenes):
    sizes = collections.Counter(scene.split for scene in make_scenes(seed, num_scenes))

    assert sizes["val"] == sizes["test"] == num_scenes // 6
    assert sizes.total() == num_scenes


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_every_thing_lies_inside_the_picture(seed):
    things = [thing for scene in make_scenes(seed, 42) for thing in scene.things]

    assert all(thing.x - thing.width / 2 >= 0 for thing in things)
    assert all(thing.x + thing.width / 2 <= SIZE for thing in things)
    assert all(thing.base - thing.height >= 0 and thing.base <= SIZE for thing in things)


def test_scenes_for_captioning_are_others_and_leave_the_splits_as_they_were(drawn):
    more = make_scenes(seed=3, num_scenes=120, num_captioning=50)

    assert more[:120] == drawn
    further = more[120:]
    assert {scene.split for scene in further} == {"captioning"}
    assert len(further) == 50
    looks = {(scene.setting, scene.things) for scene in drawn}
    assert not {scene.image_id for scene in further} & {scene.image_id for scene in drawn}
    assert not any((scene.setting, scene.things) in looks for scene in further)


def test_too_few_scenes_are_refused():
    with pytest.raises(ValueError, match="at least 6 are needed"):
        make_scenes(0, 5)


def test_twins_share_setting_and_words_but_not_their_arrangement(drawn):
    for first, second in twins(drawn):
        assert (first.setting, first.relation) == (second.setting, second.relation)
        assert sorted({thing.colour for thing in first.things}) == sorted({thing.colour for thing in second.things})
        assert [(t.kind, t.colour, t.size) for t in first.things] != [(t.kind, t.colour, t.size) for t in second.things]


def test_the_first_thing_stands_to_the_second_as_the_relation_says(drawn):
    for scene in drawn:
        first, second = scene.things[:2]
        holds = {
            "left": first.x < second.x,
            "front": first.base > second.base,
            "stack": first.base < second.base and abs(first.x - second.x) < 1,
            "above": first.base <= second.base - second.height,
            "between": first.x < second.x < scene.things[-1].x,
            "size": (first.size, second.size) == ("big", "small"),
            "count": [thing.colour for thing in scene.things].count(first.colour) > len(scene.things) / 2,
        }
        assert holds[scene.relation], scene


def test_a_scene_has_five_different_sentences_that_name_its_colours(drawn):
    for scene in drawn:
        written = sentences.sentences(scene)

        assert len(set(written)) == sentences.SENTENCES_PER_SCENE
        for sentence in written:
            assert {thing.colour for thing in scene.things} <= set(vocabulary.tokenize(sentence))


def test_no_sentence_of_a_scene_is_one_of_its_twin(drawn):
    for first, second in twins(drawn):
        ours, theirs = sentences.sentences(first), sentences.sentences(second)
        assert not set(_without_choices(ours)) & set(_without_choices(theirs))


def _without_choices(written):
    """Sentences without what the drawing of words adds: articles and sizes that were not asked for."""
    return [re.sub(r"\b(a|an|the|big|small) ", "", sentence.lower()) for sentence in written]


def test_counted_things_are_as_many_as_the_sentences_say(drawn):
    numbers = {"one": 1, "two": 2, "three": 3, "four": 4}
    for scene in drawn:
        if scene.relation != "count":
            continue
        there = collections.Counter(thing.colour for thing in scene.things)
        for sentence in sentences.sentences(scene):
            said = re.findall(rf"({'|'.join(numbers)}) (\w+)", sentence.lower())
            assert {(numbers[number], colour) for number, colour in said if colour in there} == {
                (count, colour) for colour, count in there.items()
            }


def test_the_raw_data_set_keeps_scenes_whole_and_without_flaws(drawn):
    raw = reader.raw_scenes(drawn)

    assert raw.flaws == ()
    assert raw.captions.groupby("image_id").size().eq(5).all()
    assert raw.captions["caption_id"].is_unique
    assert set(raw.captions["image_id"]) == {scene.image_id for scene in drawn}


def test_the_same_scene_gives_the_same_picture_and_its_twin_another(drawn):
    first, second = (np.asarray(drawing.draw_scene(scene)) for scene in drawn[:2])

    assert first.shape == (SIZE, SIZE, 3)
    np.testing.assert_array_equal(first, np.asarray(drawing.draw_scene(drawn[0])))
    assert np.abs(first.astype(int) - second).max() > 50


@pytest.mark.parametrize("kind", sorted(STANDING | FLOATING))
def test_a_thing_shows_its_colour_where_it_stands(kind):
    thing = Thing(kind, "red", "big", x=64.0, base=110.0)
    with_thing = Scene("a.png", "train", "meadow", 56, "left", (thing,))
    without = Scene("a.png", "train", "meadow", 56, "left", ())

    added = np.abs(
        np.asarray(drawing.draw_scene(with_thing)).astype(int) - np.asarray(drawing.draw_scene(without))
    ).max(axis=2)

    rows, columns = np.nonzero(added > 60)
    assert columns.min() >= 64 - thing.width / 2 - 4 and columns.max() <= 64 + thing.width + 4
    assert rows.min() >= 110 - thing.height - 4
