"""The language model part against float64 NumPy readings of Eqs. 1 and 2, and against Keras' own GRU."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cmr.retrieval import text_encoder

WORDS, WORD_DIM, UNITS = 9, 5, 4
CAPTIONS = np.array([[3, 8, 4, 2], [5, 2, 0, 0], [7, 6, 2, 0]], np.int32)


def encoder_with_large_weights(reset_after):
    """Weights of U(-0.08, 0.08) would leave every gate near one half and hide a mistake in them."""
    encoder = text_encoder.text_encoder(WORDS, WORD_DIM, UNITS, reset_after)
    random = np.random.default_rng(3)
    encoder.set_weights([random.normal(size=weight.shape) for weight in encoder.weights])
    return encoder


def weights_of(encoder):
    return {weight.name: weight.numpy().astype(np.float64) for weight in encoder.weights}


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def state_after(caption, weights):
    """Eq. 2 word by word: gates z (update) and r (reset), the reset before the product, z keeping the old state."""
    embedding = weights["embeddings"]
    w_z, w_r, w_h = np.split(weights["kernel"], 3, axis=1)
    b_z, b_r, b_h = np.split(weights["bias"], 3)
    u_z, u_r = np.split(weights["gates_kernel"], 2, axis=1)
    u_h = weights["candidate_kernel"]
    state = np.zeros(UNITS)
    for word in caption:
        x = embedding[word]
        z = sigmoid(x @ w_z + b_z + state @ u_z)
        r = sigmoid(x @ w_r + b_r + state @ u_r)
        candidate = np.tanh(x @ w_h + b_h + (r * state) @ u_h)
        state = z * state + (1 - z) * candidate
    return state


def test_a_word_embedding_is_a_row_of_the_embedding_matrix():
    encoder = encoder_with_large_weights(reset_after=False)
    matrix = weights_of(encoder)["embeddings"]
    one_hot = np.eye(WORDS)[CAPTIONS]

    words = encoder.get_layer("word_embedding")(CAPTIONS).numpy()

    np.testing.assert_allclose(words, one_hot @ matrix, rtol=1e-6)


def test_the_default_sentence_embedding_is_the_unit_state_of_equation_2_after_the_end_word():
    encoder = encoder_with_large_weights(reset_after=False)
    weights = weights_of(encoder)

    embeddings = encoder(CAPTIONS).numpy()

    expected = [unit(state_after(caption[caption != 0], weights)) for caption in CAPTIONS]
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reset_after", [False, True])
def test_padding_leaves_the_state_as_it_is(reset_after):
    encoder = encoder_with_large_weights(reset_after)
    short = np.array([[5, 7, 2]], np.int32)
    long = np.array([[5, 7, 2, 0, 0, 0, 0]], np.int32)

    np.testing.assert_allclose(encoder(short).numpy(), encoder(long).numpy(), rtol=1e-6, atol=1e-7)


def test_the_default_form_equals_keras_gru_with_the_reset_before_the_product():
    encoder = encoder_with_large_weights(reset_after=False)
    named = weights_of(encoder)
    recurrent = [named["gates_kernel"], named["candidate_kernel"]]
    words = encoder.get_layer("word_embedding")
    gru = keras.layers.GRU(UNITS, reset_after=False)
    gru.build((None, None, WORD_DIM))
    gru.set_weights([named["kernel"], np.concatenate(recurrent, axis=1), named["bias"]])

    states = gru(words(CAPTIONS), mask=CAPTIONS != 0).numpy()

    np.testing.assert_allclose(encoder(CAPTIONS).numpy(), unit(states), rtol=1e-5, atol=1e-6)


def test_the_fast_form_is_keras_gru_with_the_reset_after_the_product():
    encoder = encoder_with_large_weights(reset_after=True)
    words = encoder.get_layer("word_embedding")
    gru = keras.layers.GRU(UNITS, reset_after=True)
    gru.build((None, None, WORD_DIM))
    gru.set_weights(encoder.get_layer("gru").get_weights())

    states = gru(words(CAPTIONS), mask=CAPTIONS != 0).numpy()

    np.testing.assert_allclose(encoder(CAPTIONS).numpy(), unit(states), rtol=1e-5, atol=1e-6)


def test_both_forms_differ_once_the_state_is_not_zero():
    default, fast = encoder_with_large_weights(False), encoder_with_large_weights(True)
    named = weights_of(default)
    recurrent = [named["gates_kernel"], named["candidate_kernel"]]
    biases = np.stack([named["bias"], np.zeros(3 * UNITS)])
    fast.get_layer("word_embedding").set_weights([named["embeddings"]])
    fast.get_layer("gru").set_weights([named["kernel"], np.concatenate(recurrent, axis=1), biases])
    one_word, two_words = np.array([[2]], np.int32), np.array([[5, 2]], np.int32)

    np.testing.assert_allclose(default(one_word).numpy(), fast(one_word).numpy(), rtol=1e-5)
    assert not np.allclose(default(two_words).numpy(), fast(two_words).numpy(), atol=1e-3)


@pytest.mark.parametrize("reset_after", [False, True])
def test_a_sentence_embedding_has_norm_1(reset_after):
    embeddings = text_encoder.text_encoder(WORDS, WORD_DIM, UNITS, reset_after)(CAPTIONS).numpy()

    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("reset_after", [False, True])
def test_initial_weights_are_drawn_from_the_papers_uniform_range(reset_after):
    keras.utils.set_random_seed(0)
    encoder = text_encoder.text_encoder(500, 32, 48, reset_after)

    kernels = {name: weight for name, weight in weights_of(encoder).items() if name != "bias"}

    for name, weight in kernels.items():
        assert np.abs(weight).max() <= 0.08, name
        np.testing.assert_allclose(weight.std(), 0.16 / np.sqrt(12), rtol=0.05, err_msg=name)


@pytest.mark.parametrize("reset_after", [False, True])
def test_the_encoder_survives_a_saved_model(tmp_path, reset_after):
    encoder = encoder_with_large_weights(reset_after=reset_after)
    encoder.save(tmp_path / "encoder.keras")

    loaded = keras.saving.load_model(tmp_path / "encoder.keras")

    np.testing.assert_array_equal(loaded(CAPTIONS).numpy(), encoder(CAPTIONS).numpy())


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("reset_after", [False, True])
def test_lower_precision_changes_embeddings_and_gradients_by_rounding_alone(reset_after, precision):
    exact = encoder_with_large_weights(reset_after=reset_after)
    rounded = text_encoder.text_encoder(WORDS, WORD_DIM, UNITS, reset_after, precision=precision)
    rounded.set_weights(exact.get_weights())
    upstream = np.random.default_rng(0).normal(size=UNITS).astype(np.float32)

    embeddings, gradients = zip(*(embeddings_and_gradients(model, upstream) for model in (exact, rounded)), strict=True)

    assert all(weight.dtype == "float32" for weight in rounded.weights)
    np.testing.assert_allclose(*embeddings, atol=0.03)
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=0.05 * np.abs(one).max())


def embeddings_and_gradients(model, upstream):
    with tf.GradientTape() as tape:
        embedded = model(CAPTIONS)
        total = tf.reduce_sum(embedded * upstream)
    assert embedded.dtype == tf.float32
    gradients = tape.gradient(total, [weight.value for weight in model.trainable_weights])
    return embedded.numpy(), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]
