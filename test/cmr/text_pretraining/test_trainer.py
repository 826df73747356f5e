"""The text encoder's own phase: it learns, a stopped one goes on, and the model begins with what it learnt."""

import dataclasses
import re
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


@pytest.mark.parametrize("word_dropout", [0.0, 0.2])
def test_the_pairs_of_a_model_go_through_its_text_encoder(word_dropout):
    model = stopped_trainings.new_model({"word_dropout": word_dropout})
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


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory):
    """A tiny data set and a larger one of the same kind whose sentences it can learn from."""
    root = tmp_path_factory.mktemp("sentences")
    workspace = make_workspace(root / "workspace")
    other = make_workspace(root / "other", (60, 12, 12))
    folder = workspace.root / "flickr30k"
    folder.mkdir()
    text = other.captions_csv.read_text()
    # Its val and test pictures have the names that they have here, and are left out.
    (folder / "captions.csv").write_text(re.sub(r'"train(\d)', r'"other\1', text))
    (folder / "dataset.json").write_bytes(other.dataset_json.read_bytes())
    shutil.copytree(folder, workspace.root / "custom")
    rows = text.splitlines(keepends=True)
    (workspace.root / "custom" / "captions.csv").write_text("".join(rows[:3]))
    return workspace


def without_runs(workspace, root):
    """A copy of a workspace in which nothing has been trained."""
    copied = Workspace(root / "workspace", "scenes")
    shutil.copytree(workspace.root, copied.root, ignore=shutil.ignore_patterns("runs"))
    return copied


def test_a_run_begins_with_what_its_text_encoder_learnt_and_says_so(workspaces):
    flags = *place(workspaces), *TINY, "--model=vse", "--sentences_of=flickr30k", "--sentence_epochs=2"

    ended = run_command("cmr.train", *flags)

    assert ended.returncode == 0, ended.stderr
    assert "the text encoder learns first, from " in ended.stdout
    assert "left out: 21 images of theirs, which are measured on here" in ended.stdout
    run = Run(tiny_runs.run_path(ended))
    assert len(read_json(run.path / "text" / "history.json")) == 2
    assert "learnt first from sentences alone" in " ".join(ended.stdout.split())
    assert finished_run.open_run(run.path).config.text_pretraining.sentence_epochs == 2
    # Given again it trains nothing, and a run without the phase is another one.
    again = call_command("cmr.train", *flags)
    assert "learns first" not in again.stdout
    assert again.stdout.partition("vse on scenes")[2] == ended.stdout.partition("vse on scenes")[2]
    alone = call_command("cmr.train", *flags[:-2])
    assert Run(tiny_runs.run_path(alone)).path != run.path
    assert "sentences_of" not in Run(tiny_runs.run_path(alone)).flags_txt.read_text()


def test_a_phase_that_is_stopped_between_its_own_end_and_the_first_state_of_the_next_goes_on(workspaces, tmp_path):
    phase = "--sentences_of=flickr30k", "--sentence_epochs=1", "--word_dropout=0.2", "--seed=5"
    flags = *place(workspaces), *TINY, "--model=vse", *phase
    whole = Run(tiny_runs.run_path(call_command("cmr.train", *flags)))
    ended = call_command("cmr.train", *flags, "--run_name=again")
    again = Run(tiny_runs.run_path(ended))
    weights = stopped_trainings.arrays(again.best_weights)
    assert again.read_history() == whole.read_history()
    # As a kill behind the phase's end leaves it.
    for path in (again.metrics_json, again.test_ranks_npz, again.history_json, again.best_weights, again.best_sha256):
        path.unlink()
    for path in again.checkpoints_dir.iterdir():
        path.unlink()

    resumed = call_command("cmr.train", *flags, "--run_name=again")

    assert resumed.returncode == 0, resumed.stderr
    assert again.read_history() == whole.read_history()
    np.testing.assert_equal(stopped_trainings.arrays(again.best_weights), weights)


def test_a_phase_that_another_run_has_been_through_is_taken_over_and_changes_no_number(workspaces, tmp_path):
    flags = *TINY, "--model=vse", "--sentences_of=flickr30k", "--sentence_epochs=2", "--word_dropout=0.2"
    flags = *flags, "--loss=softmax", "--average_weights=0.5", "--max_epochs=2"
    other_pictures = "--vgg_features=scene_cnn-layout", "--run_name=layout"
    alone, beside = (without_runs(workspaces, tmp_path / name) for name in ("alone", "beside"))

    first = call_command("cmr.train", *place(beside), *flags, "--run_name=objects")
    ended = [call_command("cmr.train", *place(each), *flags, *other_pictures) for each in (alone, beside)]

    assert [each.returncode for each in (first, *ended)] == [0, 0, 0], first.stderr + ended[0].stderr + ended[1].stderr
    taken = f"is taken over from {beside.run_dir('objects')}"
    assert [taken in each.stdout for each in (first, *ended)] == [False, False, True]
    trained, copied = (Run(each.run_dir("layout")) for each in (alone, beside))
    assert trained.read_history() == copied.read_history()
    np.testing.assert_equal(
        stopped_trainings.arrays(copied.best_weights), stopped_trainings.arrays(trained.best_weights)
    )
    # Its cost is what the phase has cost, though this run has not spent it.
    assert copied.read_metrics()["cost"]["seconds"] > read_json(copied.text_phase.cost_json)["seconds"] > 0


@pytest.mark.parametrize("lost", ["checkpoints", "text/checkpoints", "text/best.weights.h5", "config.json"])
def test_the_phase_of_a_run_that_has_not_the_whole_of_it_is_not_taken_over(workspaces, tmp_path, lost):
    workspace = without_runs(workspaces, tmp_path)
    flags = *place(workspace), *TINY, "--model=vse", "--sentences_of=flickr30k", "--sentence_epochs=1", "--max_epochs=1"
    assert call_command("cmr.train", *flags, "--run_name=first").returncode == 0
    path = workspace.run_dir("first") / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.write_bytes(b"{}")

    ended = call_command("cmr.train", *flags, "--run_name=second")

    assert ended.returncode == 0, ended.stderr
    assert "the text encoder learns first" in ended.stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--sentences_of=flickr30k,flickr30k", "name each data set once"),
        ("--sentences_of=flickr30", "name each data set once"),
        ("--sentences_of=scenes", "leave it out of --sentences_of"),
        ("--sentences_of=mscoco", "run python -m data_prep.prepare --dataset=mscoco"),
        ("--sentence_epochs=0", "--sentence_epochs"),
        ("--sentences_of=custom --batch_size=130", "name a larger data set, or lower --batch_size"),
    ],
)
def test_what_can_not_be_learnt_from_is_refused_before_anything_is_written(workspaces, given, message):
    flags = *place(workspaces), *TINY, "--model=vse", "--run_name=refused", *given.split()

    ended = call_command("cmr.train", *flags)

    assert ended.returncode == 1
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not workspaces.run_dir("refused").exists()


def test_words_that_no_training_sentence_says_are_named_where_nothing_teaches_them(workspaces, tmp_path):
    workspace = without_runs(workspaces, tmp_path)
    with open(workspace.vocabulary_txt, "a", encoding="utf-8") as file:
        file.write("giraffe\t0\nzebra\t0\n")
    others = workspace.root / "flickr30k" / "captions.csv"
    others.write_text(re.sub(r'"A ', '"A giraffe and a ', others.read_text(), count=1))
    flags = *place(workspace), *TINY, "--model=vse", "--max_epochs=1"

    ended = [call_command("cmr.train", *flags, *phase) for phase in ((), ("--sentences_of=flickr30k",))]

    assert [each.returncode for each in ended] == [0, 0], ended[0].stderr + ended[1].stderr
    for number, each in zip((2, 1), ended, strict=True):
        assert f"warning: no sentence to learn from says {number} of the vocabulary's words" in each.stdout


def test_two_devices_learn_from_the_pairs_that_one_learns_from(workspaces, tmp_path):
    # Whose halves pad their sentences to lengths of their own. At a low rate: Adam makes more of the rounding of small
    # gradients, the more the further it steps.
    phase = "--sentences_of=flickr30k", "--sentence_epochs=2", "--dropout=0", "--batch_size=14", "--max_epochs=1"
    phase = *phase, "--learning_rate=0.003"
    flags = *TINY, "--model=vse", *phase
    devices = "--strategy=mirrored", "--logical_cpus=2"
    # Apart, lest one takes over what the other has learnt.
    elsewhere = without_runs(workspaces, tmp_path)

    one, two = (
        run_command("cmr.train", *place(where), *flags, *given)
        for where, given in ((workspaces, ("--run_name=one",)), (elsewhere, ("--run_name=two", *devices)))
    )

    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    first, second = Run(workspaces.run_dir("one")), Run(elsewhere.run_dir("two"))
    for phase_of in (lambda run: run.text_phase, lambda run: run):
        losses = [[row["loss"] for row in phase_of(run).read_history()] for run in (first, second)]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.parametrize("lost", ["captions.csv", "dataset.json"])
def test_another_data_set_without_one_of_its_files_is_refused_with_the_command_that_makes_it(
    workspaces, tmp_path, lost
):
    copied = without_runs(workspaces, tmp_path)
    (copied.root / "flickr30k" / lost).unlink()

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse", "--sentences_of=flickr30k")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "run python -m data_prep.prepare --dataset=flickr30k" in ended.stderr


def test_a_damaged_table_of_another_data_set_ends_in_one_sentence(workspaces, tmp_path):
    copied = without_runs(workspaces, tmp_path)
    (copied.root / "flickr30k" / "captions.csv").write_text('"image_id"\n')

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse", "--sentences_of=flickr30k")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "lacks the column" in ended.stderr
    assert not [*copied.run_dir("").glob("*")]
