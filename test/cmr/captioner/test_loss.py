"""The captioner's loss: which words count, what they cost, and its gradient, against float64 NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cmr.captioner.loss import SplitLosses, caption_batch, word_losses
from cmr.captioner.model import captioner_model
from cmr.config import CaptionerConfig
from cmr.data import input_names
from cmr.workspace import vocabulary

FEATURE_DIM, WORDS = 4, 7


@pytest.fixture(scope="module")
def model():
    model = captioner_model(CaptionerConfig(FEATURE_DIM, WORDS, 3, 2, dropout=0.0))
    random = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return model


def batch_of(captions):
    features = np.random.default_rng(0).normal(size=(len(captions), FEATURE_DIM))
    return {
        input_names.IMAGE_FEATURES: tf.constant(features, tf.float32),
        "caption": tf.constant(captions, tf.int32),
    }


def three_captions():
    return batch_of([[5, 3, 2], [2, 0, 0], [6, 2, 0]])


REAL = np.array([[True, True, True], [True, False, False], [True, True, False]])


def reference_losses(model, batch):
    """`-log softmax` of each real word, from the model's logits."""
    logits = model(batch, training=False).numpy().astype(np.float64)
    log_probabilities = logits - np.log(np.sum(np.exp(logits), axis=2, keepdims=True))
    words = batch["caption"].numpy()
    return -np.take_along_axis(log_probabilities, words[:, :, None], axis=2)[:, :, 0]


def by_sentence(losses, sentences):
    """The losses of one sentence together, in the order of its words, which packing keeps."""
    return losses.numpy()[np.argsort(sentences.numpy(), kind="stable")]


def test_only_real_words_have_a_loss_which_is_minus_their_log_probability(model):
    losses = by_sentence(*word_losses(model)(three_captions(), False))

    np.testing.assert_allclose(losses, reference_losses(model, three_captions())[REAL], rtol=1e-5)


def test_padding_changes_nothing(model):
    padded = {**three_captions(), "caption": tf.pad(three_captions()["caption"], [[0, 0], [0, 4]])}

    losses, _ = word_losses(model)(three_captions(), False)
    of_padded, _ = word_losses(model)(padded, False)

    np.testing.assert_allclose(of_padded.numpy(), losses.numpy(), rtol=1e-6)


def test_unknown_words_and_end_words_count(model):
    losses, _ = word_losses(model)(batch_of([[vocabulary.UNK_ID, vocabulary.END_ID]]), False)

    assert losses.shape == (2,)


def test_the_gradient_is_that_of_the_mean_loss_of_a_word(model):
    """Central differences of the float64 reference, for one value of each weight."""
    losses_of = word_losses(model)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(losses_of(three_captions(), True)[0])
    gradients = tape.gradient(loss, model.trainable_variables)

    for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient).numpy()
        place = np.unravel_index(np.argmax(np.abs(gradient)), gradient.shape)
        original = weight.numpy()
        step = np.zeros_like(original)
        step[place] = 1e-2
        sides = []
        for value in (original + step, original - step):
            weight.assign(value)
            sides.append(reference_losses(model, three_captions())[REAL].mean())
        weight.assign(original)
        np.testing.assert_allclose(gradient[place], (sides[0] - sides[1]) / 2e-2, rtol=2e-2, err_msg=weight.path)


@pytest.fixture(scope="module")
def val(scenes_inputs):
    return scenes_inputs.split("val")


@pytest.fixture(scope="module")
def scenes_model(val, scenes_inputs):
    keras.utils.set_random_seed(0)
    dim = val.features[input_names.IMAGE_FEATURES].array.shape[1]
    return captioner_model(CaptionerConfig(dim, len(scenes_inputs.vocabulary), 3, 2))


def test_a_sentences_loss_is_the_sum_over_its_words_whatever_the_order(scenes_model, val):
    sentences = np.array([7, 0, 3])

    losses = SplitLosses(scenes_model).of_sentences(val, sentences)

    for loss, sentence in zip(losses, sentences, strict=True):
        batch = {name: tf.constant(value) for name, value in caption_batch(val, np.array([sentence])).items()}
        np.testing.assert_allclose(loss, reference_losses(scenes_model, batch).sum(), rtol=1e-5)


def test_perplexity_is_the_exponential_of_the_mean_loss_of_all_words(scenes_model, val):
    losses = SplitLosses(scenes_model)
    total = losses.of_sentences(val, np.arange(val.num_captions)).sum()

    np.testing.assert_allclose(losses.perplexity(val), np.exp(total / len(val.tokens)), rtol=1e-9)


def test_a_captioner_that_knows_nothing_has_the_perplexity_of_its_vocabulary(scenes_model, val, scenes_inputs):
    silent = keras.models.clone_model(scenes_model)
    for weight in silent.trainable_variables:
        weight.assign(np.zeros(weight.shape))

    perplexity = SplitLosses(silent).perplexity(val)

    np.testing.assert_allclose(perplexity, len(scenes_inputs.vocabulary), rtol=1e-5)


def test_a_sentences_image_is_the_one_it_belongs_to(val):
    batch = caption_batch(val, np.array([4, 9]))

    images = val.image_of_caption[[4, 9]]
    np.testing.assert_array_equal(
        batch[input_names.IMAGE_FEATURES], val.features[input_names.IMAGE_FEATURES].take(images)
    )


def test_label_smoothing_is_the_cross_entropy_with_smoothed_targets_in_training_alone(model):
    batch = three_captions()
    logits = model(batch, training=False).numpy().astype(np.float64)
    log_probabilities = logits - np.log(np.sum(np.exp(logits), axis=2, keepdims=True))
    targets = 0.8 * np.eye(WORDS)[batch["caption"].numpy()] + 0.2 / WORDS

    losses = word_losses(model, label_smoothing=0.2)

    expected = -np.sum(targets * log_probabilities, axis=2)[REAL]
    np.testing.assert_allclose(by_sentence(*losses(batch, True)), expected, rtol=1e-5)
    np.testing.assert_allclose(by_sentence(*losses(batch, False)), reference_losses(model, batch)[REAL], rtol=1e-5)
