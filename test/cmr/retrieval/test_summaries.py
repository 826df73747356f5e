"""What TensorBoard gets: curves, retrieved sentences, the projector's files; nothing from silent workers."""

import csv

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from cmr.evaluation import metrics
from cmr.evaluation.encoding import Embeddings
from cmr.retrieval.summaries import RetrievalRecorder, SilentRecorder


@pytest.fixture(scope="module")
def val(scenes_inputs):
    return scenes_inputs.split("val")


@pytest.fixture(scope="module")
def embeddings(val):
    """Each sentence lies at its own image."""
    images = np.eye(val.num_images, dtype=np.float32)
    return Embeddings(images, images[val.image_of_caption])


@pytest.fixture
def recorder(tmp_path, val):
    return RetrievalRecorder(tmp_path, "--margin=0.7\n", val, tmp_path / "images")


def recorded(recorder, path):
    recorder.flush()
    return event_accumulator.EventAccumulator(str(path)).Reload()


def points(events, tag):
    return {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}


def test_an_epochs_numbers_are_points_of_curves(recorder, tmp_path):
    recorder.epoch(1, 8.5, 0.25, 100.0)
    recorder.epoch(2, 4.5, 0.125, 200.0)

    events = recorded(recorder, tmp_path)
    assert points(events, "epoch/loss") == {1: 8.5, 2: 4.5}
    assert points(events, "epoch/learning_rate") == {1: 0.25, 2: 0.125}
    assert points(events, "epoch/examples_per_second") == {1: 100.0, 2: 200.0}


def test_the_loss_of_every_twentieth_step_is_a_point(recorder, tmp_path):
    for step in range(1, 45):
        recorder.step_loss(step, step / 2)

    assert points(recorded(recorder, tmp_path), "train/loss") == {20: 10.0, 40: 20.0}


def test_a_validation_is_both_directions_numbers_and_six_pictures_with_sentences(recorder, tmp_path, val, embeddings):
    measured = metrics.evaluate(embeddings.images, embeddings.captions, val.image_of_caption)

    recorder.validation(3, measured, embeddings)

    events = recorded(recorder, tmp_path)
    assert points(events, "val_sentence_retrieval/recall_at_1") == {3: 100.0}
    assert points(events, "val_image_retrieval/median_rank") == {3: 1.0}
    panels = [tag for tag in events.Tags()["tensors"] if tag.startswith("top_sentences/")]
    assert len(panels) == 6
    assert {tag.removeprefix("top_sentences/") for tag in panels} <= set(val.image_ids)


def test_the_projector_has_a_row_of_metadata_for_every_vector(recorder, tmp_path, val, embeddings):
    measured = metrics.evaluate(embeddings.images, embeddings.captions, val.image_of_caption)

    recorder.validation(1, measured, embeddings)

    vectors = np.loadtxt(tmp_path / "embeddings.tsv", delimiter="\t")
    with open(tmp_path / "embeddings_metadata.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    np.testing.assert_allclose(vectors, np.concatenate([embeddings.images, embeddings.captions]))
    assert [row["kind"] for row in rows] == ["image"] * val.num_images + ["caption"] * val.num_captions
    assert [row["image_id"] for row in rows[val.num_images :]] == [val.image_ids[n] for n in val.image_of_caption]
    assert [row["text"] for row in rows[val.num_images :]] == list(val.captions)
    assert "embeddings_metadata.tsv" in (tmp_path / "projector_config.pbtxt").read_text()


def test_a_silent_recorder_takes_everything_and_writes_nothing(tmp_path, monkeypatch, embeddings):
    monkeypatch.chdir(tmp_path)
    silent = SilentRecorder()

    silent.step_loss(20, 1.0)
    silent.epoch(1, 1.0, 0.1, 10.0)
    silent.validation(1, None, embeddings)
    silent.flush()

    assert list(tmp_path.iterdir()) == []
