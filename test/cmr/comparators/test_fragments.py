"""What Deep Fragment and DVSA share: the ranking loss, and what both say of a block of pairs."""

import numpy as np
import pytest
import tensorflow as tf
from fragmented_examples import built, split

from cmr.comparators import fragments
from cmr.comparators.deep_fragment import DeepFragment
from cmr.comparators.dvsa import Dvsa
from cmr.comparators.settings.fragments import DeepFragmentSettings, DvsaSettings
from cmr.data import input_names
from cmr.errors import ConfigError

KINDS = [(DeepFragment, DeepFragmentSettings, "deep_fragment"), (Dvsa, DvsaSettings, "dvsa")]


@pytest.fixture(params=KINDS, ids=[name for *_, name in KINDS])
def system(request):
    kind, settings, name = request.param
    return built(kind, settings(dim=8), name, split())


def reference_ranking_loss(scores, image_of, margin):
    loss = 0.0
    for pair, other in np.ndindex(*scores.shape):
        if image_of[pair] != image_of[other]:
            loss += max(0.0, scores[pair, other] - scores[pair, pair] + margin)
            loss += max(0.0, scores[other, pair] - scores[pair, pair] + margin)
    return loss / len(scores)


def test_the_ranking_loss_is_the_hinges_of_both_directions():
    scores = np.random.default_rng(0).normal(size=(6, 6))
    image_of = np.array([0, 1, 2, 1, 3, 4])

    loss = fragments.ranking_loss(tf.constant(scores), image_of[:, None] == image_of[None, :], 0.7)

    np.testing.assert_allclose(loss, reference_ranking_loss(scores, image_of, 0.7), rtol=1e-12)


def test_blocks_of_pairs_have_the_scores_of_one_pair_at_a_time(system):
    val = split(num_images=6, seed=1)
    captions = np.arange(val.num_captions)

    blocks = system.similarities(val, folds=2)

    whole = np.stack([system.scores(val, np.array([image]), captions)[0] for image in range(val.num_images)])
    for scores, (images, inside) in zip(blocks.folds, val.folds(2), strict=True):
        np.testing.assert_allclose(scores, whole[images][:, inside], rtol=1e-4, atol=1e-5)
    for image, caption in np.ndindex(*whole.shape):
        alone = system.scores(val, np.array([image]), np.array([caption]))
        np.testing.assert_allclose(alone, whole[image : image + 1, caption : caption + 1], rtol=1e-4, atol=1e-5)


def test_new_weights_give_new_scores(system):
    val = split(seed=1)
    before = system.similarities(val).folds[0]

    for weight in system.model.trainable_variables:
        weight.assign(weight * 1.5)

    assert np.abs(system.similarities(val).folds[0] - before).max() > 0.01


def test_word_vectors_stay_as_they_are(system):
    trained = {id(weight) for weight in system.model.trainable_variables}
    (vectors,) = system.model.get_layer("text_encoder").get_layer("word_vectors").weights

    assert id(vectors) not in trained
    np.testing.assert_array_equal(vectors, system.given.word_vectors.vectors)


def test_features_of_two_kinds_are_refused(system):
    train = split()
    both = {**train.features, input_names.VGG_FEATURES: train.features[input_names.IMAGE_FEATURES]}
    object.__setattr__(train, "features", both)

    with pytest.raises(ConfigError, match="give --image_features alone"):
        system.build(train)
