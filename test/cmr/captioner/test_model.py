"""The captioner against a plain float64 reading of its equations, word by word."""

import re

import keras
import numpy as np
import pytest

from cmr.captioner.model import (
    IMAGE_EMBEDDING,
    LSTM,
    LSTM_DROPOUT,
    WORD_EMBEDDING,
    CaptionerConfig,
    captioner_model,
    folded,
    model_config,
)
from cmr.data import input_names

FEATURE_DIM, WORDS, EMBEDDING, UNITS = 6, 9, 5, 4
START = WORDS

FEATURES = np.random.default_rng(1).normal(size=(3, FEATURE_DIM)).astype(np.float32)
CAPTIONS = np.array([[5, 7, 3, 2], [8, 2, 0, 0], [4, 4, 2, 0]], np.int32)
INPUTS = {input_names.IMAGE_FEATURES: FEATURES, "caption": CAPTIONS}


def new_model(**changed):
    return captioner_model(CaptionerConfig(FEATURE_DIM, WORDS, EMBEDDING, UNITS, **changed))


@pytest.fixture(scope="module")
def model():
    """Weights of U(-0.08, 0.08) would leave every gate near one half and hide a mistake in them."""
    model = new_model()
    random = np.random.default_rng(3)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return model


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def log_softmax(x):
    return x - x.max() - np.log(np.sum(np.exp(x - x.max())))


def weights_of(model):
    return {weight.path: weight.numpy().astype(np.float64) for weight in model.trainable_variables}


def lstm_step(x, hidden, memory, weights):
    gates = (
        x @ weights["lstm_input/kernel"] + weights["lstm_input/bias"] + hidden @ weights["lstm/cell/recurrent_kernel"]
    )
    i, f, c, o = np.split(gates, 4)
    memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(c)
    return sigmoid(o) * np.tanh(memory), memory


def reference_log_probabilities(features, caption, weights):
    """`log p(w | image, words before)` of every word w, for each word of the caption."""
    # Keras numbers the cells of all models of a process.
    weights = {re.sub(r"lstm/lstm_cell(_\d+)?/", "lstm/cell/", path): value for path, value in weights.items()}
    hidden = memory = np.zeros(UNITS)
    hidden, memory = lstm_step(features @ weights["image_embedding/kernel"], hidden, memory, weights)
    outputs = []
    for word in [START, *caption[:-1]]:
        hidden, memory = lstm_step(weights["word_embedding/embeddings"][word], hidden, memory, weights)
        outputs.append(log_softmax(hidden @ weights["logits/kernel"] + weights["logits/bias"]))
    return np.stack(outputs)


def test_the_words_have_the_probabilities_of_the_lstm_equations(model):
    weights = weights_of(model)

    log_probabilities = keras.ops.log_softmax(model(INPUTS, training=False)).numpy()

    for output, features, caption in zip(log_probabilities, FEATURES.astype(np.float64), CAPTIONS, strict=True):
        length = np.count_nonzero(caption)
        expected = reference_log_probabilities(features, caption[:length], weights)
        np.testing.assert_allclose(output[:length], expected, rtol=1e-4, atol=1e-5)


def test_a_words_probability_depends_on_no_later_word(model):
    changed = CAPTIONS.copy()
    changed[:, 2:] = 6

    before, after = (model({**INPUTS, "caption": words}, training=False).numpy() for words in (CAPTIONS, changed))

    np.testing.assert_array_equal(before[:, :3], after[:, :3])


def test_the_image_is_seen_once_before_the_start_word(model):
    other = model({**INPUTS, input_names.IMAGE_FEATURES: FEATURES + 1.0}, training=False).numpy()

    assert not np.allclose(other[:, 0], model(INPUTS, training=False).numpy()[:, 0], atol=1e-3)


def test_the_start_word_is_never_predicted(model):
    assert model(INPUTS).shape[-1] == WORDS
    assert model.get_layer(WORD_EMBEDDING).embeddings.shape[0] == WORDS + 1


def test_the_image_embedding_has_no_bias(model):
    assert [weight.path for weight in model.get_layer(IMAGE_EMBEDDING).weights] == ["image_embedding/kernel"]


def test_initial_weights_are_im2txts():
    keras.utils.set_random_seed(0)
    weights = weights_of(captioner_model(CaptionerConfig(40, 50, 32, 24)))

    bias = weights.pop("lstm_input/bias")
    np.testing.assert_array_equal(np.split(bias, 4), [np.zeros(24), np.ones(24), np.zeros(24), np.zeros(24)])
    np.testing.assert_array_equal(weights.pop("logits/bias"), np.zeros(50))
    for path, weight in weights.items():
        assert np.abs(weight).max() <= 0.08, path
        np.testing.assert_allclose(weight.std(), 0.16 / np.sqrt(12), rtol=0.06, err_msg=path)


def test_the_forget_gates_begin_as_open_as_they_are_told():
    layer = new_model(forget_bias=3.0).get_layer("lstm_input")

    np.testing.assert_array_equal(
        np.split(layer.bias.numpy(), 4), [np.zeros(UNITS), np.full(UNITS, 3), np.zeros(UNITS), np.zeros(UNITS)]
    )


def test_a_captioner_of_before_there_was_a_choice_began_as_im2txts():
    assert (
        keras.saving.deserialize_keras_object(
            {"class_name": "OpenForgetGate", "registered_name": "cmr>OpenForgetGate", "config": {}}
        ).forget_bias
        == CaptionerConfig.forget_bias
    )


def test_dropout_acts_in_training_alone(model):
    in_use = [model(INPUTS, training=False).numpy() for _ in range(2)]
    in_training = [model(INPUTS, training=True).numpy() for _ in range(2)]

    np.testing.assert_array_equal(*in_use)
    assert not np.array_equal(*in_training)


def test_dropout_leaves_the_state_whole():
    """With the input's and the output's dropout alone, the recurrent product never sees a zeroed unit."""
    model = new_model(dropout=0.5)
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]

    assert [layer.name for layer in dropouts] == ["lstm_input_dropout", LSTM_DROPOUT]
    assert all(layer.rate == 0.5 for layer in dropouts)
    assert not hasattr(model.get_layer(LSTM).cell, "dropout")


def test_a_saved_captioner_is_the_same_and_knows_its_sizes(model, tmp_path):
    model.save(tmp_path / "captioner.keras")

    loaded = keras.saving.load_model(tmp_path / "captioner.keras")

    np.testing.assert_array_equal(loaded(INPUTS).numpy(), model(INPUTS).numpy())
    assert model_config(loaded) == CaptionerConfig(FEATURE_DIM, WORDS, EMBEDDING, UNITS, 0.3)


def test_what_is_done_to_the_features_before_w_img_can_be_put_into_it():
    model = new_model(feature_scale=0.25, whitened=True)
    model.get_layer("image_whitening").kernel.assign(np.random.default_rng(3).normal(size=(FEATURE_DIM, FEATURE_DIM)))

    plain = folded(model)

    assert model_config(plain) == model_config(new_model())
    np.testing.assert_allclose(plain(INPUTS), model(INPUTS), atol=1e-6)
    assert folded(plain) is plain


def test_a_whitening_is_no_weight_of_the_training():
    model = new_model(whitened=True)

    assert "image_whitening/kernel" in {weight.path for weight in model.weights}
    assert "image_whitening/kernel" not in {weight.path for weight in model.trainable_variables}


def test_the_sizes_of_a_saved_captioner_are_those_it_was_made_with(tmp_path):
    config = CaptionerConfig(
        FEATURE_DIM, WORDS, EMBEDDING, UNITS, 0.1, feature_scale=0.25, forget_bias=2.5, whitened=True
    )
    captioner_model(config).save(tmp_path / "captioner.keras")

    assert model_config(keras.saving.load_model(tmp_path / "captioner.keras")) == config
