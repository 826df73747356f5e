"""The text encoder's own phase: it learns, a stopped one goes on, and the model begins with what it learnt."""

import dataclasses
import shutil
import types

import numpy as np
import pytest
import stopped_trainings
import tensorflow as tf
import tiny_runs
from commands import run_command
from tiny_runs import TINY, call_command, place, read_json
from tiny_workspaces import make_workspace

from cmr.config import TrainConfig
from cmr.errors import ConfigError
from cmr.retrieval.summaries import SilentRecorder
from cmr.text_pretraining.trainer import TextTrainer, pair_model
from cmr.trained import finished_run
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run

# 3 steps an epoch of some 60 pairs.
_TRAIN = TrainConfig(0.2, "sum", "batch", 0, 20, 0.03, 2.0, 3, 3, 2, 0)


@pytest.fixture
def tiny_inputs(scenes_workspace):
    from cmr.data.inputs import read_inputs

    return read_inputs(scenes_workspace, "scene_cnn-objects", "scene_cnn-layout")


def fit(run, inputs, model=None, **changed):
    built = stopped_trainings.new_model({"word_dropout": 0.2, **(model or {})})
    settings = dataclasses.replace(_TRAIN, **changed)
    splits = inputs.split("train"), inputs.split("val")
    tf.config.run_functions_eagerly(True)
    try:
        TextTrainer(built, settings, tf.distribute.get_strategy(), run, *splits, SilentRecorder()).fit()
    finally:
        tf.config.run_functions_eagerly(False)
    return built


def test_the_pairs_of_a_model_go_through_its_text_encoder():
    model = stopped_trainings.new_model()
    words = np.array([[3, 4, 2], [5, 2, 0]], np.int32)

    said = pair_model(model)({"caption": words, "sentence": words[::-1]})

    expected = model.get_layer("text_encoder")(words).numpy()
    np.testing.assert_array_equal(said["caption"], expected)
    np.testing.assert_allclose(said["image"], expected[::-1], atol=1e-7)


def test_it_learns_which_sentences_are_of_one_image_and_touches_nothing_else(tiny_inputs, tmp_path):
    before = stopped_trainings.new_model({"word_dropout": 0.2}).get_layer("image_encoder").get_weights()

    model = fit(Run(tmp_path / "text"), tiny_inputs, max_epochs=8, patience=8)

    losses = [row["loss"] for row in read_json(tmp_path / "text" / "history.json")]
    assert losses[-1] < 0.8 * losses[0]
    for first, last in zip(before, model.get_layer("image_encoder").get_weights(), strict=True):
        np.testing.assert_array_equal(first, last)


@pytest.mark.parametrize("changed", [{}, {"loss": "softmax", "average_weights": 0.5}])
def test_one_that_was_stopped_ends_as_one_that_went_through(tiny_inputs, tmp_path, monkeypatch, changed):
    whole, stopped = Run(tmp_path / "whole"), Run(tmp_path / "stopped")
    expected = fit(whole, tiny_inputs, **changed).get_weights()
    for steps in (3, 4):
        with monkeypatch.context() as stopping, pytest.raises(KeyboardInterrupt):
            stopped_trainings.stop_before(steps, stopping)
            fit(stopped, tiny_inputs, **changed)

    kept = fit(stopped, tiny_inputs, **changed).get_weights()

    assert read_json(stopped.history_json) == read_json(whole.history_json)
    assert all(np.array_equal(first, last) for first, last in zip(expected, kept, strict=True))


def test_an_image_with_one_sentence_is_no_query_of_its_validation(tiny_inputs, tmp_path):
    val = tiny_inputs.split("val")
    alone = types.SimpleNamespace(
        image_of_caption=np.array([0, 1, 1, 1], np.int32),
        num_captions=4,
        lengths=val.lengths[:4],
        padded=val.padded,
    )
    model = stopped_trainings.new_model()
    strategy = tf.distribute.get_strategy()
    trainer = TextTrainer(model, _TRAIN, strategy, Run(tmp_path), tiny_inputs.split("train"), alone, SilentRecorder())

    entry = trainer.validate(1).entry

    assert (entry["sentence_retrieval"]["num_queries"], entry["image_retrieval"]["num_queries"]) == (1, 2)


def test_too_few_pairs_for_a_batch_are_refused(tiny_inputs, tmp_path):
    with pytest.raises(ConfigError, match="lower --batch_size"):
        fit(Run(tmp_path), tiny_inputs, batch_size=500)


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory):
    """A tiny data set and a larger one of the same kind whose sentences it can learn from."""
    root = tmp_path_factory.mktemp("sentences")
    workspace = make_workspace(root / "workspace")
    other = make_workspace(root / "other", (60, 12, 12))
    folder = workspace.root / "flickr30k"
    folder.mkdir()
    (folder / "captions.csv").write_bytes(other.captions_csv.read_bytes().replace(b'png"', b'jpg"'))
    return workspace


def test_a_run_begins_with_what_its_text_encoder_learnt_and_says_so(workspaces):
    flags = *place(workspaces), *TINY, "--model=vse", "--sentences_of=flickr30k", "--sentence_epochs=2"

    ended = run_command("cmr.train", *flags)

    assert ended.returncode == 0, ended.stderr
    assert "the text encoder first: " in ended.stdout
    run = Run(tiny_runs.run_path(ended))
    assert len(read_json(run.path / "text" / "history.json")) == 2
    assert "learnt first from sentences alone" in " ".join(ended.stdout.split())
    assert finished_run.open_run(run.path).config.text_pretraining.sentence_epochs == 2
    # Given again it trains nothing, and a run without the phase is another one.
    again = call_command("cmr.train", *flags)
    assert "the text encoder first" not in again.stdout
    assert again.stdout.partition("vse on scenes")[2] == ended.stdout.partition("vse on scenes")[2]
    alone = call_command("cmr.train", *flags[:-2])
    assert Run(tiny_runs.run_path(alone)).path != run.path
    assert "sentences_of" not in Run(tiny_runs.run_path(alone)).flags_txt.read_text()


def test_a_phase_that_is_stopped_between_its_own_end_and_the_first_state_of_the_next_goes_on(workspaces, tmp_path):
    flags = *place(workspaces), *TINY, "--model=vse", "--sentences_of=flickr30k", "--sentence_epochs=1", "--seed=5"
    whole = Run(tiny_runs.run_path(call_command("cmr.train", *flags)))
    ended = call_command("cmr.train", *flags, "--run_name=again")
    again = Run(tiny_runs.run_path(ended))
    assert again.read_history() == whole.read_history()
    # As a kill behind the phase's end leaves it.
    for path in (again.metrics_json, again.test_ranks_npz, again.history_json, again.best_weights, again.best_sha256):
        path.unlink()
    for path in again.checkpoints_dir.iterdir():
        path.unlink()

    resumed = call_command("cmr.train", *flags, "--run_name=again")

    assert resumed.returncode == 0, resumed.stderr
    assert again.read_history() == whole.read_history()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--sentences_of=flickr30k,flickr30k", "names a data set twice"),
        ("--sentences_of=scenes", "names a data set twice, or scenes"),
        ("--sentences_of=mscoco", "run data_prep.prepare --dataset=mscoco --pictures=optional"),
        ("--sentence_epochs=0", "--sentence_epochs"),
    ],
)
def test_what_can_not_be_learnt_from_is_refused_in_one_sentence(workspaces, given, message):
    ended = call_command("cmr.train", *place(workspaces), *TINY, "--model=vse", given)

    assert ended.returncode == 1
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_damaged_table_of_another_data_set_ends_in_one_sentence(workspaces, tmp_path):
    copied = Workspace(tmp_path / "workspace", "scenes")
    shutil.copytree(workspaces.root, copied.root, ignore=shutil.ignore_patterns("runs"))
    (copied.root / "flickr30k" / "captions.csv").write_text('"image_id"\n')

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse", "--sentences_of=flickr30k")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "lacks the column" in ended.stderr
