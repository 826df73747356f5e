"""ConSE: the classes' words mixed by their probabilities."""

import dataclasses

import comparators
import numpy as np
import pytest

from cmr.comparators import conse
from cmr.comparators.conse import Conse
from cmr.comparators.settings.closed_form import ConseSettings
from cmr.data.word_vectors import WordVectors
from cmr.errors import ConfigError
from cmr.workspace.vocabulary import Vocabulary

WORDS = Vocabulary.from_captions(["tiger cat golden retriever ball"])
VECTORS = WordVectors(
    np.eye(len(WORDS), 5, k=-3, dtype=np.float32), np.arange(len(WORDS)) > 2, "Word vectors: one-hot."
)


def vector(*words):
    total = sum(VECTORS.vectors[WORDS.ids[word]] for word in words)
    return total / np.linalg.norm(total)


def test_there_are_a_thousand_classes_in_the_cnns_order():
    names = conse.class_names()

    assert len(names) == 1000
    assert names[0] == ["tench", "Tinca tinca"]
    assert names[281][0] == "tabby"
    assert names[207] == ["golden retriever"]
    assert names[999][0] == "toilet tissue"


def test_a_class_is_the_mean_of_its_synonyms_whose_words_are_all_known():
    vectors, is_known = conse.class_vectors(
        [["tiger cat"], ["cat", "unheard animal"], ["Norwegian retriever"], ["zebra"]], WORDS, VECTORS
    )

    np.testing.assert_allclose(vectors[0], vector("tiger", "cat"), rtol=1e-6)
    np.testing.assert_allclose(vectors[1], vector("cat"), rtol=1e-6)
    np.testing.assert_allclose(vectors[2], vector("retriever"), rtol=1e-6)
    assert is_known.tolist() == [True, True, True, False]


def test_an_image_is_its_most_probable_known_classes_mixed_by_their_probabilities(scenes_inputs):
    planted = comparators.planted("conse", scenes_inputs)
    system = Conse(ConseSettings(classes=2), comparators.given("conse", planted))
    split = planted.split("test")
    system.fit(planted.split("train"), split)
    (probabilities,) = split.image_inputs(np.arange(1)).values()
    classes, is_known = conse.class_vectors(conse.class_names(), planted.vocabulary, system.given.word_vectors)

    image = system.embed(split).images[0]

    known = np.where(is_known, probabilities[0], 0)
    # The second place is shared by all classes of one small probability.
    kept = np.where(known >= np.sort(known)[-2], known, 0)
    np.testing.assert_allclose(image, (kept @ classes) / np.linalg.norm(kept @ classes), rtol=1e-4, atol=1e-6)


def test_features_that_are_no_class_probabilities_are_refused(scenes_inputs):
    system = Conse(ConseSettings(), comparators.given("conse", scenes_inputs))
    system.fit(scenes_inputs.split("train"), scenes_inputs.split("val"))

    features = {"image_features": scenes_inputs.features["image_features"]}
    pooled = dataclasses.replace(scenes_inputs, features=features)

    with pytest.raises(ConfigError, match="ConSE reads class probabilities"):
        system.embed(pooled.split("test"))
