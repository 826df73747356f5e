"""What holds of every registered comparator, on planted data whose images' features tell their sentences."""

import comparators
import numpy as np
import pytest

from cmr.comparators.registry import SYSTEMS
from cmr.comparators.settings.registry import SETTINGS
from cmr.evaluation import metrics, similarities
from cmr.evaluation.encoding import Embeddings
from cmr.workspace.runs import Run

# ConSE sees five of a dozen planted words, and no colours or places.
LIFT = {"conse": 30}

# Systems of one class are trained alike, and the sum of m-CNN's scores is trained by its members.
ONE_OF_A_CLASS = sorted({kind: name for name, kind in SYSTEMS.items() if name != "m_cnn_ens"}.values())


@pytest.fixture(scope="module")
def systems(scenes_inputs, tmp_path_factory):
    """Each registered system by its name, fitted once."""
    folder, fitted = tmp_path_factory.mktemp("comparators"), {}

    def system_of(name):
        if name not in fitted:
            fitted[name] = comparators.fitted(name, comparators.planted(name, scenes_inputs), Run(folder / name))
        return fitted[name]

    return system_of


def test_every_system_has_settings_and_every_settings_a_system():
    assert SYSTEMS.keys() == SETTINGS.keys()


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_finds_what_was_planted(systems, scenes_inputs, name):
    test = comparators.planted(name, scenes_inputs).split("test")
    chance = metrics.random_ranking(np.bincount(test.image_of_caption)).sum_of_recalls

    measured, _ = similarities.evaluate(systems(name).similarities(test), test)

    # Perfect is 600; some of the test images tell each other's sentences too.
    assert measured.sum_of_recalls > chance + LIFT.get(name, 100)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_gives_one_score_a_pair_of_each_fold(systems, scenes_inputs, name):
    test = comparators.planted(name, scenes_inputs).split("test")

    said = systems(name).similarities(test, folds=2)

    for matrix, (images, captions) in zip(similarities.matrices(said, test, 2), test.folds(2), strict=True):
        assert matrix.shape == (images.stop - images.start, len(captions))
        assert matrix.dtype == np.float32
        assert np.isfinite(matrix).all()
    if isinstance(said, Embeddings):
        for vectors in (said.images, said.captions):
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-4)


@pytest.mark.parametrize("name", ONE_OF_A_CLASS)
def test_a_seed_gives_the_same_system_again(systems, scenes_inputs, tmp_path, name):
    test = comparators.planted(name, scenes_inputs).split("test")

    again = comparators.fitted(name, comparators.planted(name, scenes_inputs), Run(tmp_path / name))

    pairs = zip(
        similarities.matrices(systems(name).similarities(test), test),
        similarities.matrices(again.similarities(test), test),
        strict=True,
    )
    for first, second in pairs:
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)
