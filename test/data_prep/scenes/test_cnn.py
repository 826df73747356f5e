"""The scenes' own CNNs: what they are taught, and what their two kinds tell apart."""

import keras
import numpy as np
import pytest

from data_prep.scenes import cnn, contents, drawing
from data_prep.scenes.scene import STANDING, make_scenes


def drawn(num_scenes):
    scenes = make_scenes(seed=2, num_scenes=num_scenes)
    pictures = [drawing.draw_scene(scene).resize((cnn.INPUT_SIZE, cnn.INPUT_SIZE)) for scene in scenes]
    return scenes, np.stack([np.asarray(picture) for picture in pictures]), [contents.content(one) for one in scenes]


def test_every_thing_has_a_cut_out_that_is_labelled_by_what_is_in_it():
    scenes, pictures, shown = drawn(12)

    cuts, labels = cnn.labelled_cut_outs(pictures, shown, seed=0)

    first = iter(range(len(cuts)))
    for scene in scenes:
        for thing in scene.things:
            own = labels[next(first)]
            said = {thing.kind, thing.colour, thing.size, scene.setting, (thing.colour, thing.kind)}
            assert all(own[cnn.LABELS.index(label)] == 1 for label in said)
        anywhere = labels[next(first)]
        kinds = {thing.kind for thing in scene.things}
        assert not any(anywhere[cnn.LABELS.index(kind)] for kind in set(STANDING) - kinds)
    assert len(cuts) == len(labels) == sum(len(scene.things) + 1 for scene in scenes)


@pytest.fixture(scope="module")
def trained_by_seed():
    """Taught on two pictures for the shortest while."""
    _, pictures, shown = drawn(6)
    return [cnn.train_scene_cnns(pictures[:2], shown[:2], seed) for seed in (0, 0, 1)]


@pytest.fixture(params=["objects", "layout"])
def trained(request, trained_by_seed):
    """The features of each kind."""
    return request.param, [models[request.param] for models in trained_by_seed]


def test_training_follows_its_seed(trained):
    first, again, other = (np.concatenate([w.ravel() for w in model.get_weights()]) for model in trained[1])

    np.testing.assert_allclose(first, again, rtol=1e-3, atol=1e-3)
    assert np.abs(first - other).max() > 0.01


def test_objects_are_the_mean_of_the_maps(trained_by_seed):
    models = trained_by_seed[0]
    picture = np.random.default_rng(0).uniform(0, 255, (1, cnn.INPUT_SIZE, cnn.INPUT_SIZE, 3)).astype(np.float32)

    maps, objects = (keras.ops.convert_to_numpy(models[kind](picture)) for kind in ("maps", "objects"))

    np.testing.assert_allclose(maps.mean(axis=(1, 2)), objects, rtol=1e-4, atol=1e-5)


def test_layout_keeps_positions_that_objects_averages_away(trained):
    kind, (model, *_) = trained
    picture = np.zeros((1, cnn.INPUT_SIZE, cnn.INPUT_SIZE, 3), np.float32)
    picture[:, 40:56, 16:32] = 255.0
    # Moved by the strides of all layers together: the same values in another cell.
    moved = np.roll(picture, 48, axis=2)

    here, there = (keras.ops.convert_to_numpy(model(one)) for one in (picture, moved))

    change = np.abs(here - there).max() / np.abs(here).max()
    assert (change > 0.05) == (kind == "layout")
