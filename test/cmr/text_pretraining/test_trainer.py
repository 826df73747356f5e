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
from tiny_workspaces import make_workspace, without_runs

from cmr.config import TrainConfig
from cmr.retrieval.summaries import SilentRecorder
from cmr.text_pretraining.trainer import TextTrainer, pair_model
from cmr.trained import finished_run
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


_FIRST = "--model=vse", "--sentences_of=flickr30k", "--sentence_epochs=2", "--word_dropout=0.2", "--loss=softmax"


@pytest.fixture(scope="module")
def taught(workspaces):
    """A run that has learnt from sentences first."""
    assert call_command("cmr.train", *place(workspaces), *TINY, *_FIRST, "--run_name=taught").returncode == 0
    return Run(workspaces.run_dir("taught"))


def test_a_run_that_takes_over_anothers_phase_is_the_run_that_would_have_trained_it(workspaces, taught):
    flags = *place(workspaces), *TINY, *_FIRST, "--vgg_features=scene_cnn-layout", "--max_epochs=2", "--decay_epochs=0"

    trained = call_command("cmr.train", *flags, "--run_name=trained")
    copied = call_command("cmr.train", *flags, "--run_name=copied", f"--sentences_from={taught.path}")

    assert (trained.returncode, copied.returncode) == (0, 0), trained.stderr + copied.stderr
    assert f"is that of {taught.path}" in copied.stdout
    first, second = (Run(workspaces.run_dir(name)) for name in ("trained", "copied"))
    assert first.read_history() == second.read_history()
    np.testing.assert_equal(stopped_trainings.arrays(second.best_weights), stopped_trainings.arrays(first.best_weights))
    assert first.flags_txt.read_text().replace("trained", "copied") == second.flags_txt.read_text()
    # TensorBoard shows the phase of both.
    curves = [[path.read_bytes() for path in each.text_phase_curves.rglob("events*")] for each in (taught, second)]
    assert curves[0] == curves[1] != []
    # What the phase has cost is of its cost.
    assert second.read_metrics()["cost"]["seconds"] > read_json(taught.text_phase.cost_json)["seconds"] > 0


def test_a_run_that_was_stopped_behind_the_copy_goes_on_without_its_source(workspaces, taught, tmp_path):
    workspace, source = without_runs(workspaces, tmp_path / "workspace"), Run(tmp_path / "source")
    shutil.copytree(taught.path, source.path)
    flags = *place(workspace), *TINY, *_FIRST, "--max_epochs=1", "--run_name=copied", f"--sentences_from={source.path}"
    assert call_command("cmr.train", *flags).returncode == 0
    run = Run(workspace.run_dir("copied"))
    weights = stopped_trainings.arrays(run.best_weights)
    for path in (run.metrics_json, run.test_ranks_npz, run.history_json, run.best_weights, run.best_sha256):
        path.unlink()
    shutil.rmtree(run.checkpoints_dir)
    shutil.rmtree(source.path)

    resumed = call_command("cmr.train", *flags)

    assert resumed.returncode == 0, resumed.stderr
    np.testing.assert_equal(stopped_trainings.arrays(run.best_weights), weights)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


@pytest.mark.parametrize(
    ("damage", "given", "message"),
    [
        (lambda run: None, "--seed=3", "train.seed"),
        (lambda run: None, "--gru_units=9", "model.gru_units"),
        (lambda run: None, "--sentence_epochs=3", "text_pretraining.sentence_epochs"),
        (lambda run: run.config_json.unlink(), "", "holds no run"),
        (lambda run: shutil.rmtree(run.path), "", "holds no run"),
        (
            lambda run: run.text_phase.write_history(run.text_phase.read_history()[:1]),
            "",
            "still learns from sentences",
        ),
        (lambda run: shutil.rmtree(run.text_phase.path), "", "history.json"),
        (lambda run: cut(run.text_phase.best_weights), "", "missing or damaged"),
        (lambda run: shutil.rmtree(run.text_phase.checkpoints_dir), "", "holds no whole state"),
        (lambda run: cut(only(run.text_phase.checkpoints_dir, "*.data-*")), "", "holds no whole state"),
        (lambda run: only(run.text_phase.checkpoints_dir, "*.data-*").unlink(), "", "holds no whole state"),
    ],
)
def test_a_phase_that_can_not_be_taken_over_is_refused_before_anything_is_written(
    workspaces, taught, tmp_path, damage, given, message
):
    source = Run(tmp_path / "source")
    shutil.copytree(taught.path, source.path)
    damage(source)
    flags = *place(workspaces), *TINY, *_FIRST, "--run_name=refused", f"--sentences_from={source.path}"

    ended = call_command("cmr.train", *flags, *given.split())

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert message in ended.stderr
    assert not workspaces.run_dir("refused").exists()


def test_a_run_without_the_phase_has_none_to_take_over(workspaces):
    flags = *place(workspaces), *TINY, "--model=vse", "--max_epochs=1"
    assert call_command("cmr.train", *flags, "--run_name=plain").returncode == 0
    source = f"--sentences_from={workspaces.run_dir('plain')}"

    ended = call_command("cmr.train", *flags, "--sentences_of=flickr30k", source)
    alone = call_command("cmr.train", *flags, source)

    assert (ended.returncode, alone.returncode) == (1, 1)
    assert "has not learnt from sentences first" in ended.stderr
    assert "--sentences_from is of --sentences_of; give both" in alone.stderr


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
    workspace = without_runs(workspaces, tmp_path / "workspace")
    with open(workspace.vocabulary_txt, "a", encoding="utf-8") as file:
        file.write("giraffe\t0\nzebra\t0\n")
    others = workspace.root / "flickr30k" / "captions.csv"
    others.write_text(re.sub(r'"A ', '"A giraffe and a ', others.read_text(), count=1))
    flags = *place(workspace), *TINY, "--model=vse", "--max_epochs=1"

    ended = [call_command("cmr.train", *flags, *phase) for phase in ((), ("--sentences_of=flickr30k",))]

    assert [each.returncode for each in ended] == [0, 0], ended[0].stderr + ended[1].stderr
    for number, each in zip((2, 1), ended, strict=True):
        assert f"warning: no sentence to learn from says {number} of the vocabulary's words" in each.stdout


def test_two_devices_learn_from_the_pairs_that_one_learns_from(workspaces):
    # Whose halves pad their sentences to lengths of their own. At a low rate: Adam makes more of the rounding of small
    # gradients, the more the further it steps.
    phase = "--sentences_of=flickr30k", "--sentence_epochs=2", "--dropout=0", "--batch_size=14", "--max_epochs=1"
    phase = *phase, "--learning_rate=0.003"
    flags = *place(workspaces), *TINY, "--model=vse", *phase
    devices = "--strategy=mirrored", "--logical_cpus=2"

    one, two = (
        run_command("cmr.train", *flags, f"--run_name={name}", *given)
        for name, given in (("one", ()), ("two", devices))
    )

    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    first, second = (Run(workspaces.run_dir(name)) for name in ("one", "two"))
    for phase_of in (lambda run: run.text_phase, lambda run: run):
        losses = [[row["loss"] for row in phase_of(run).read_history()] for run in (first, second)]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.parametrize("lost", ["captions.csv", "dataset.json"])
def test_another_data_set_without_one_of_its_files_is_refused_with_the_command_that_makes_it(
    workspaces, tmp_path, lost
):
    copied = without_runs(workspaces, tmp_path / "workspace")
    (copied.root / "flickr30k" / lost).unlink()

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse", "--sentences_of=flickr30k")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "run python -m data_prep.prepare --dataset=flickr30k" in ended.stderr


def test_a_damaged_table_of_another_data_set_ends_in_one_sentence(workspaces, tmp_path):
    copied = without_runs(workspaces, tmp_path / "workspace")
    (copied.root / "flickr30k" / "captions.csv").write_text('"image_id"\n')

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse", "--sentences_of=flickr30k")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "lacks the column" in ended.stderr
    assert not [*copied.run_dir("").glob("*")]
