"""What TensorBoard gets: curves, retrieved sentences, the projector's files; nothing from silent workers."""

import csv
import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tiny_runs
from google.protobuf import text_format
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from cmr.config import ModelConfig, RunConfig, TrainConfig
from cmr.evaluation import metrics
from cmr.evaluation.encoding import Embeddings
from cmr.retrieval.summaries import RetrievalRecorder, SilentRecorder

RUN_CONFIG = RunConfig("scenes", ModelConfig("fusion", 4, 4, 9), TrainConfig(), "objects", "layout", "linear", {})


@pytest.fixture(scope="module")
def val(scenes_inputs):
    return scenes_inputs.split("val")


@pytest.fixture(scope="module")
def embeddings(val):
    """Each sentence lies at its own image."""
    images = np.eye(val.num_images, dtype=np.float32)
    return Embeddings(images, images[val.image_of_caption])


@pytest.fixture(scope="module")
def measured(val, embeddings):
    return metrics.evaluate(embeddings.images, embeddings.captions, val.image_of_caption)


def recorder_of(path, val, run_config=RUN_CONFIG):
    return RetrievalRecorder(path, "--margin=0.7\n", run_config, val, path / "images")


@pytest.fixture
def recorder(tmp_path, val):
    return recorder_of(tmp_path, val)


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


def tags(events, kind):
    return {tag for tag in events.Tags()["tensors"] if tag.startswith(f"{kind}/")}


def test_a_validation_is_both_directions_numbers(recorder, tmp_path, measured, embeddings):
    recorder.validation(3, measured, embeddings)

    events = recorded(recorder, tmp_path)
    assert points(events, "val_sentence_retrieval/recall_at_1") == {3: 100.0}
    assert points(events, "val_image_retrieval/median_rank") == {3: 1.0}


def test_a_validation_is_six_pictures_with_sentences_and_six_sentences_with_pictures(
    recorder, tmp_path, val, measured, embeddings
):
    recorder.validation(3, measured, embeddings)

    events = recorded(recorder, tmp_path)
    of_pictures = {tag.removeprefix("top_sentences/") for tag in tags(events, "top_sentences")}
    assert len(of_pictures) == len(tags(events, "top_pictures")) == 6
    assert of_pictures <= set(val.image_ids)


@pytest.mark.parametrize("kind", ["top_sentences", "top_pictures"])
def test_the_best_epochs_pictures_stand_beside_the_last_ones(recorder, tmp_path, measured, embeddings, kind):
    recorder.validation(1, measured, embeddings)
    recorder.best()
    recorder.validation(2, measured, embeddings)

    events = recorded(recorder, tmp_path)
    steps = {tag: {event.step for event in events.Tensors(tag)} for tag in tags(events, kind)}
    best_steps = {tag: {event.step for event in events.Tensors(tag)} for tag in tags(events, f"best_{kind}")}
    assert set(map(max, steps.values())) == {2}
    assert best_steps == {f"best_{tag}": {1} for tag in steps}


def test_the_best_numbers_are_those_of_the_last_epoch_that_was_better(recorder, tmp_path, measured, embeddings):
    recorder.validation(1, measured, embeddings)
    recorder.best()
    better = dataclasses.replace(
        measured, image_retrieval=dataclasses.replace(measured.image_retrieval, recall_at_1=25.0)
    )
    recorder.validation(2, better, embeddings)
    recorder.best()
    recorder.validation(3, measured, embeddings)

    events = recorded(recorder, tmp_path)
    assert points(events, "best/sum_of_recalls") == {1: measured.sum_of_recalls, 2: better.sum_of_recalls}
    assert points(events, "best/image_retrieval_recall_at_1") == {1: 100.0, 2: 25.0}
    assert points(events, "best/sentence_retrieval_recall_at_1") == {1: 100.0, 2: 100.0}


def test_a_training_tells_of_its_best_epochs_alone(scenes_workspace):
    run, _ = tiny_runs.trained_run(scenes_workspace, "fusion")
    sums = {row["epoch"]: row["val"]["sum_of_recalls"] for row in tiny_runs.read_json(run.history_json)}

    events = event_accumulator.EventAccumulator(str(run.tensorboard_dir)).Reload()

    better = {epoch: value for epoch, value in sums.items() if all(value > sums[old] for old in range(1, epoch))}
    assert points(events, "best/sum_of_recalls") == pytest.approx(better)


def test_the_hparams_page_has_a_column_for_every_setting_and_number_of_a_run(recorder, tmp_path, measured, embeddings):
    recorder.validation(1, measured, embeddings)
    recorder.best()

    events = recorded(recorder, tmp_path)
    page = metadata.parse_experiment_plugin_data(content_of(events, metadata.EXPERIMENT_TAG))
    assert {info.name.tag for info in page.metric_infos} == tags(events, "best")
    assert {info.name for info in page.hparam_infos} == set(session(events).hparams)


def test_a_run_says_in_one_line_what_it_is(recorder, tmp_path):
    events = recorded(recorder, tmp_path)

    line = "fusion, W_img linear, hinge, margin 0.7, epoch negatives, seed 0"
    (event,) = events.Tensors("run")
    assert tf.make_ndarray(event.tensor_proto).item().decode() == line
    assert session(events).group_name.endswith(f": {line}")


def content_of(events, tag):
    return events.SummaryMetadata(tag).plugin_data.content


def session(events):
    return metadata.parse_session_start_info_plugin_data(content_of(events, metadata.SESSION_START_INFO_TAG))


def test_the_projector_has_a_row_of_metadata_for_every_vector(recorder, tmp_path, val, measured, embeddings):
    recorder.validation(1, measured, embeddings)

    vectors = np.loadtxt(tmp_path / "embeddings.tsv", delimiter="\t")
    with open(tmp_path / "embeddings_metadata.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    np.testing.assert_allclose(vectors, np.concatenate([embeddings.images, embeddings.captions]))
    assert [row["kind"] for row in rows] == ["image"] * val.num_images + ["caption"] * val.num_captions
    assert [row["image_id"] for row in rows[val.num_images :]] == [val.image_ids[n] for n in val.image_of_caption]
    assert [row["text"] for row in rows[val.num_images :]] == list(val.captions)


def test_the_projector_finds_a_tile_for_every_point(recorder, tmp_path, val, measured, embeddings):
    recorder.validation(1, measured, embeddings)

    (config,) = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig()).embeddings
    width, height = config.sprite.single_image_dim
    with Image.open(tmp_path / config.sprite.image_path) as sprite:
        assert (sprite.width // width) * (sprite.height // height) >= val.num_images + val.num_captions
    assert all((tmp_path / path).exists() for path in (config.tensor_path, config.metadata_path))


def test_a_silent_recorder_takes_everything_and_writes_nothing(tmp_path, monkeypatch, embeddings):
    monkeypatch.chdir(tmp_path)
    silent = SilentRecorder()

    silent.step_loss(20, 1.0)
    silent.epoch(1, 1.0, 0.1, 10.0)
    silent.validation(1, None, embeddings)
    silent.best()
    silent.flush()

    assert list(tmp_path.iterdir()) == []
