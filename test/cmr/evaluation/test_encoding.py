"""Embedding a whole split by blocks."""

import dataclasses

import keras
import numpy as np
import pytest

from cmr.config import ModelConfig
from cmr.evaluation import encoding, metrics
from cmr.retrieval.model import retrieval_model


@pytest.fixture(scope="module")
def val(scenes_inputs):
    return scenes_inputs.split("val")


@pytest.fixture(scope="module", params=[True, False], ids=["unit images", "images of any length"])
def model(scenes_inputs, request):
    keras.utils.set_random_seed(0)
    sizes = {"vgg_dim": 10, "image_dim": 14, "word_dim": 6, "gru_units": 5, "text_space_dim": 4}
    settings = {"vocabulary_size": len(scenes_inputs.vocabulary), "image_norm_in_loss": request.param}
    return retrieval_model(ModelConfig("fusion", **sizes, **settings))


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_embeddings_by_blocks_are_the_models_own_as_unit_vectors(model, val, monkeypatch):
    monkeypatch.setattr(encoding, "_BATCH", 5)
    inputs = {**val.image_inputs(np.arange(val.num_images)), "caption": val.padded(np.arange(val.num_captions))}
    expected = model(inputs)

    embeddings = encoding.embed_split(model, val)

    np.testing.assert_allclose(embeddings.images, unit(expected["image"].numpy()), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(embeddings.captions, unit(expected["caption"].numpy()), rtol=1e-5, atol=1e-6)


def test_embeddings_do_not_depend_on_the_order_of_images_and_sentences(model, val):
    random = np.random.default_rng(0)
    images, captions = random.permutation(val.num_images), random.permutation(val.num_captions)
    pieces = [val.tokens[val.starts[i] : val.starts[i + 1]] for i in captions]
    shuffled = dataclasses.replace(
        val,
        image_ids=[val.image_ids[i] for i in images],
        tokens=np.concatenate(pieces),
        starts=np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]),
        image_of_caption=np.argsort(images)[val.image_of_caption[captions]].astype(np.int32),
        features={name: dataclasses.replace(each, rows=each.rows[images]) for name, each in val.features.items()},
    )

    straight, turned = encoding.embed_split(model, val), encoding.embed_split(model, shuffled)

    np.testing.assert_allclose(turned.images, straight.images[images], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(turned.captions, straight.captions[captions], rtol=1e-5, atol=1e-6)


def test_a_split_is_measured_by_its_embeddings(model, val):
    embeddings = encoding.embed_split(model, val)

    measured, _ = encoding.evaluate_embeddings(embeddings, val)

    assert measured == metrics.evaluate(embeddings.images, embeddings.captions, val.image_of_caption)
    assert measured.sentence_retrieval.num_queries == val.num_images
    assert measured.image_retrieval.num_queries == val.num_captions


def test_folds_are_measured_apart_and_averaged(model, scenes_inputs):
    test = scenes_inputs.split("test")
    embeddings = encoding.embed_split(model, test)
    halves = []
    for start in (0, test.num_images // 2):
        captions = [i for i, image in enumerate(test.image_of_caption) if start <= image < start + test.num_images // 2]
        images = embeddings.images[start : start + test.num_images // 2]
        halves.append(metrics.evaluate(images, embeddings.captions[captions], test.image_of_caption[captions] - start))

    measured, ranks = encoding.evaluate_embeddings(embeddings, test, 2)

    assert measured == metrics.mean_over_folds(halves)
    assert ranks.metrics().sentence_retrieval.recalls == pytest.approx(measured.sentence_retrieval.recalls)
    assert (ranks.image_of_caption == test.image_of_caption).all()


def test_a_second_embedding_traces_nothing_and_sees_new_weights(model, val, monkeypatch):
    traced = []
    call = keras.Model.__call__

    def counted(layer, *arguments, **others):
        traced.append(layer.name)
        return call(layer, *arguments, **others)

    monkeypatch.setattr(keras.Model, "__call__", counted)
    embedder = encoding.SplitEmbedder(model)
    first = embedder.embed(val)
    assert sorted(traced) == ["image_encoder", "text_encoder"]
    weights = model.get_weights()

    model.set_weights([weight * 2 + 0.1 for weight in weights])
    second = embedder.embed(val)

    assert sorted(traced) == ["image_encoder", "text_encoder"]
    np.testing.assert_allclose(second.captions, encoding.embed_split(model, val).captions, rtol=1e-5, atol=1e-6)
    assert np.abs(second.captions - first.captions).max() > 0.01
    model.set_weights(weights)
