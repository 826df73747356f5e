"""Tiny splits with grids, and systems of fragments that read them."""

import keras
import numpy as np

from cmr.comparators.system import Given
from cmr.data import input_names
from cmr.data.examples import Examples, FeatureRows
from cmr.data.word_vectors import WordVectors
from cmr.workspace.vocabulary import END_ID, Vocabulary

CELLS, CELL_DIM, WORD_DIM = 4, 6, 5
VOCABULARY = Vocabulary.from_captions(["a red dog runs near the green car and one white cat sits"])


def split(num_images: int = 5, seed: int = 0, longest: int = 7) -> Examples:
    """Images with random grids, two or three sentences of random words each, some of one word."""
    random = np.random.default_rng(seed)
    image_of_caption = np.repeat(np.arange(num_images), random.integers(2, 4, num_images)).astype(np.int32)
    lengths = random.integers(1, longest, len(image_of_caption)) + 1
    lengths[0] = 2
    tokens = random.integers(3, len(VOCABULARY), lengths.sum()).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    tokens[starts[1:] - 1] = END_ID
    grids = np.maximum(random.normal(size=(num_images, CELLS, CELL_DIM)), 0).astype(np.float16)
    names = [f"{number}.jpg" for number in range(num_images)]
    features = {input_names.IMAGE_FEATURES: FeatureRows(grids, np.arange(num_images))}
    return Examples(names, names, [""] * len(lengths), tokens, starts, image_of_caption, features)


def given(name: str) -> Given:
    """What a system of fragments is made of."""
    vectors = np.random.default_rng(1).normal(size=(len(VOCABULARY), WORD_DIM)).astype(np.float32)
    is_known = np.arange(len(VOCABULARY)) > END_ID
    vectors[~is_known] = 0
    return Given(name, VOCABULARY, WordVectors(vectors, is_known, ""), 0)


def built(kind, settings, name: str, train: Examples):
    """A system with weights of its own, biases too, not trained."""
    keras.utils.set_random_seed(3)
    system = kind(settings, given(name))
    system.build(train)
    random = np.random.default_rng(4)
    for weight in system.model.trainable_variables:
        if len(weight.shape) == 1:
            weight.assign(random.normal(size=weight.shape))
    return system


def image_fragments(system, train: Examples, image: int) -> np.ndarray:
    """`[CELLS + 1, dim]` float64: `v_i = W_m x_i + b_m` of an image's cells and of their mean, each with norm 1."""
    cells = train.image_inputs(np.array([image]))[input_names.IMAGE_FEATURES][0].astype(np.float64)
    fragments = np.concatenate([cells, cells.mean(axis=0, keepdims=True)])
    fragments /= np.maximum(np.linalg.norm(fragments, axis=1, keepdims=True), 1e-12)
    kernel, bias = system.model.get_layer("image_encoder").get_layer("fragments").get_weights()
    return fragments @ kernel.astype(np.float64) + bias


def words_of(train: Examples, caption: int) -> np.ndarray:
    """The ids of a sentence's words, its end word included."""
    return train.tokens[train.starts[caption] : train.starts[caption + 1]]
