"""Ranking by log p(sentence | image): what is taken off it and what it is divided by."""

import dataclasses

import comparators
import numpy as np
import pytest

from cmr.comparators import language_model
from cmr.comparators import system as system_module
from cmr.comparators.m_rnn import MRnn


@pytest.fixture(scope="module")
def system(scenes_inputs):
    system = MRnn(comparators.small_settings("m_rnn"), comparators.given("m_rnn", scenes_inputs))
    system.build(scenes_inputs.split("train"))
    random = np.random.default_rng(5)
    system.model.set_weights([0.3 * random.normal(size=weight.shape) for weight in system.model.get_weights()])
    return system


def scores(system, split, **settings):
    system.settings = dataclasses.replace(system.settings, **settings)
    system.draw_marginal_images(split("train"))
    (matrix,) = system.similarities(split("val")).folds
    return matrix


def test_a_score_is_log_p_less_the_marginal_by_the_word(system, scenes_inputs):
    split = scenes_inputs.split
    plain = scores(system, split, marginal_images=0, per_word=False)

    both = scores(system, split, marginal_images=4, per_word=True)

    marginals = system._sentences.marginals
    np.testing.assert_allclose(both, (plain - marginals) / split("val").lengths, rtol=1e-4)
    assert np.all(plain < 0)


def test_the_marginal_is_the_mean_over_training_images(system, scenes_inputs):
    split = scenes_inputs.split
    scores(system, split, marginal_images=4, per_word=False)

    tree = system._sentences.tree
    of_pairs = language_model.log_probabilities(system.language_model(), system._marginal_features, tree)

    np.testing.assert_allclose(system._sentences.marginals, np.log(np.mean(np.exp(of_pairs), axis=0)), rtol=1e-5)
    of_train = system.features(split("train"), np.arange(split("train").num_images))
    assert all(np.any(np.all(of_train == row, axis=1)) for row in system._marginal_features)


def test_more_marginal_images_than_there_are_take_them_all(system, scenes_inputs):
    scores(system, scenes_inputs.split, marginal_images=1000)

    assert len(system._marginal_features) == scenes_inputs.split("train").num_images


def test_the_order_of_a_sentences_images_depends_on_neither(system, scenes_inputs):
    split = scenes_inputs.split

    plain = scores(system, split, marginal_images=0, per_word=False)
    both = scores(system, split, marginal_images=4, per_word=True)

    # Images that are equal but for rounding may change places.
    in_the_others_order = np.take_along_axis(plain, np.argsort(both, axis=0), axis=0)
    np.testing.assert_allclose(in_the_others_order, np.sort(plain, axis=0), atol=1e-4)


def test_a_stopped_scoring_goes_on_from_the_blocks_that_are_kept(system, scenes_inputs, tmp_path, monkeypatch):
    val = scenes_inputs.split("val")
    monkeypatch.setattr(system_module, "_IMAGES_AT_ONCE", 4)
    (whole,) = system.similarities(val).folds
    monkeypatch.setattr(system, "blocks_dir", tmp_path / "blocks")
    scored = []
    score = MRnn.scores

    def stopped_at_the_second_block(self, split, images, captions):
        if len(scored) == 1:
            raise KeyboardInterrupt
        scored.append(images)
        return score(self, split, images, captions)

    monkeypatch.setattr(MRnn, "scores", stopped_at_the_second_block)
    with pytest.raises(KeyboardInterrupt):
        system.similarities(val)
    scored.clear()
    monkeypatch.setattr(MRnn, "scores", lambda *arguments: scored.append(arguments[2]) or score(*arguments))
    (resumed,) = system.similarities(val).folds

    assert [images[0] for images in scored] == [4, 8]
    np.testing.assert_array_equal(resumed, whole)


@pytest.mark.parametrize("damage", [lambda block: block[:100], lambda block: b"", lambda block: b"PK" + block])
def test_a_damaged_block_is_scored_again(system, scenes_inputs, tmp_path, monkeypatch, damage):
    val = scenes_inputs.split("val")
    monkeypatch.setattr(system_module, "_IMAGES_AT_ONCE", 4)
    monkeypatch.setattr(system, "blocks_dir", tmp_path / "blocks")
    (whole,) = system.similarities(val).folds
    first, second, *_ = sorted(system.blocks_dir.glob("*.npy"))
    first.write_bytes(damage(first.read_bytes()))
    np.save(second, np.zeros((1, 1), np.float32))

    (again,) = system.similarities(val).folds

    np.testing.assert_array_equal(again, whole)
