"""m-CNN's networks, split between sentence and image, against the unsplit ones in float64 NumPy, a pair at a time."""

import keras
import numpy as np
import pytest

from cmr.comparators.m_cnn_model import ENTERS_AT, Sizes, matching_cnn
from cmr.data import input_names

SIZES = Sizes(
    feature_dim=5, vocabulary_size=9, word_dim=4, image_units=3, filters=(6, 5, 4), hidden_units=7, dropout=0.5
)
SENTENCES = [
    (2,),
    (5, 2),
    (5, 3, 4, 2),
    (3, 4, 5, 6, 7, 8, 3, 4, 5, 6, 2),
    tuple(range(3, 9)) * 4 + (2,),
    tuple(range(3, 9)) * 6 + (2,),
]
FEATURES = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
END = 2


def padded(sentences):
    longest = max(map(len, sentences))
    return np.array([[*words, *[0] * (longest - len(words))] for words in sentences], np.int32)


@pytest.fixture(scope="module", params=ENTERS_AT)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def parts(kind):
    parts = matching_cnn(kind, SIZES)
    random = np.random.default_rng(2)
    parts.model.set_weights([random.normal(size=weight.shape) for weight in parts.model.get_weights()])
    return parts


def weights_of(parts):
    return {
        layer.name: [weight.astype(np.float64) for weight in layer.get_weights()]
        for part in (parts.sentence, parts.image, parts.pair)
        for layer in part.layers
    }


def score(parts, kind, image, words):
    """The paper's score of one pair: 30 words, windows of three beside the image's vector, nothing split."""
    weights = weights_of(parts)
    kernel, bias = weights["image_vector"]
    vector = np.maximum(0, image.astype(np.float64) @ kernel + bias)
    (entering,) = weights["image_enters"]
    words = [word for word in words if word != END][:30]
    units = np.zeros((30, SIZES.word_dim))
    is_word = np.arange(30) < len(words)
    units[: len(words)] = weights["words"][0][words]
    for layer in (1, 2, 3):
        kernel, bias = weights[f"convolution_{layer}"]
        if ENTERS_AT[kind] == layer:
            kernel = np.concatenate([kernel, entering])
        after, is_after = [], []
        for place in range(len(units) - 2):
            window = units[place : place + 3].reshape(-1)
            if ENTERS_AT[kind] == layer:
                window = np.concatenate([window, vector])
            # The gate: nothing but padding gives zero, though there is a bias and an image.
            is_after.append(is_word[place])
            after.append(np.maximum(0, window @ kernel + bias) * is_word[place])
        units = np.array([np.maximum(after[place], after[place + 1]) for place in range(0, len(after), 2)])
        is_word = np.array([is_after[place] or is_after[place + 1] for place in range(0, len(after), 2)])
    joint = units.reshape(-1)
    kernel, bias = weights["hidden"]
    if kind == "st":
        kernel, joint = np.concatenate([kernel, entering]), np.concatenate([joint, vector])
    hidden = np.maximum(0, joint @ kernel + bias)
    kernel, bias = weights["score"]
    return (hidden @ kernel + bias)[0]


def test_a_pairs_score_is_that_of_the_unsplit_convolution(parts, kind):
    images = FEATURES[[0, 1, 2, 3, 0, 1]]

    scores = parts.model({input_names.IMAGE_FEATURES: images, input_names.CAPTION: padded(SENTENCES)}, training=False)

    expected = [score(parts, kind, image, words) for image, words in zip(images, SENTENCES, strict=True)]
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing(parts):
    captions = padded(SENTENCES[:4])
    batch = {input_names.IMAGE_FEATURES: FEATURES, input_names.CAPTION: captions}

    scores = parts.model(batch, training=False)
    of_padded = parts.model({**batch, input_names.CAPTION: np.pad(captions, [[0, 0], [0, 25]])}, training=False)

    np.testing.assert_allclose(of_padded, scores, rtol=1e-5)


def test_a_sentence_alone_has_the_score_that_it_has_among_others(parts):
    batch = {input_names.IMAGE_FEATURES: FEATURES, input_names.CAPTION: padded(SENTENCES[2:])}

    together = parts.model(batch, training=False)

    alone = [
        parts.model({input_names.IMAGE_FEATURES: FEATURES[n : n + 1], input_names.CAPTION: padded([words])})
        for n, words in enumerate(SENTENCES[2:])
    ]
    np.testing.assert_allclose(np.concatenate(alone), together, rtol=1e-5)


def test_every_weight_has_a_gradient(parts):
    import tensorflow as tf

    batch = {input_names.IMAGE_FEATURES: FEATURES, input_names.CAPTION: padded(SENTENCES[2:])}
    with tf.GradientTape() as tape:
        loss = keras.ops.sum(keras.ops.square(parts.model(batch, training=False)))
    variables = parts.model.trainable_variables

    gradients = tape.gradient(loss, [variable.value for variable in variables])

    for variable, gradient in zip(variables, gradients, strict=True):
        values = tf.convert_to_tensor(gradient).numpy()
        assert np.all(np.isfinite(values)), variable.path
        assert np.any(values), variable.path


def test_the_papers_sizes_are_the_default_ones():
    parts = matching_cnn("wd", Sizes(feature_dim=4096, vocabulary_size=10, word_dim=50))

    shapes = [
        layer.kernel.shape
        for part in (parts.sentence, parts.pair)
        for layer in part.layers
        if layer.weights and hasattr(layer, "kernel")
    ]
    assert shapes == [(150, 200), (600, 300), (900, 300), (600, 400), (400, 1)]
