"""cmr.train --finetune_cnn from end to end, and that what reads a run takes the tuned CNN."""

import dataclasses
import shlex

import numpy as np
import pytest
import tiny_runs
import tunable_runs
from commands import run_command

import cmr
from cmr import config
from cmr.evaluation import encoding
from cmr.trained import card, finished_run
from cmr.trained.run_parts import RunParts
from cmr.workspace import features
from cmr.workspace.runs import Run, tuned_features_name

TUNED = tuned_features_name(tunable_runs.FEATURES)


@pytest.mark.parametrize("model", config.MODELS)
def test_evaluation_prints_the_table_again_and_names_the_tuned_cnn(tunable_root, model):
    run = tunable_runs.tuned(tunable_root, model)

    ended = tiny_runs.call_command("cmr.evaluate", f"--run_dir={run.path}")

    assert (ended.returncode, ended.stderr) == (0, "")
    table = " ".join(ended.stdout.split())
    assert f"The CNN of {TUNED} {'and ' + TUNED + ' ' if model == 'fusion' else ''}was trained too, its last 2" in table
    assert run.path != tunable_runs.frozen(tunable_root, model).path
    numbers = run.read_metrics()["test"]
    assert f"{numbers['sentence_retrieval']['recall_at_1']:.1f}" in ended.stdout


def test_the_tuned_features_are_what_the_tuned_cnn_gives_the_whole_pictures(tunable_root):
    opened = finished_run.open_run(tunable_runs.tuned(tunable_root).path)
    tuned, test = opened.inputs.features["vgg_features"], opened.inputs.split("test")

    pictures = [opened.inputs.image_dir / name for name in test.file_names]
    (before,) = (features.read_features(opened.run.path.parents[1] / "features" / tunable_runs.FEATURES),)

    retriever = cmr.load(opened.run.path)
    embeddings = encoding.embed_split(opened.model(), test)
    assert tuned.path == opened.run.tuned_features_dir("vgg_features", tunable_runs.FEATURES)
    assert not np.allclose(tuned.array[:], before.array[before.rows(tuned.image_ids)], atol=1e-2)
    np.testing.assert_allclose(retriever.embed_pictures(pictures), embeddings.images, atol=1e-5)


@pytest.mark.parametrize("model", ["vse", "single"])
def test_the_packed_model_takes_the_tuned_cnn_along(tunable_root, tmp_path, model):
    run, path = tunable_runs.tuned(tunable_root, model), tmp_path / "tuned.cmr"
    opened = finished_run.open_run(run.path)
    test = opened.inputs.split("test")

    ended = tiny_runs.call_command("cmr.pack", f"--run_dir={run.path}", f"--to={path}", "--weights_dtype=float32")

    assert ended.returncode == 0, ended.stderr
    assert TUNED in ended.stdout
    embeddings = encoding.embed_split(opened.model(), test)
    rows = cmr.load(path).embed_pictures([opened.inputs.image_dir / name for name in test.file_names])
    np.testing.assert_allclose(rows, embeddings.images, atol=1e-5)
    np.testing.assert_array_equal(cmr.load(path).embed_sentences(test.captions), embeddings.captions)


def test_the_card_ends_with_the_commands_of_both_phases_and_names_no_folder_of_whoever_made_it(tunable_root):
    run, first = tunable_runs.tuned(tunable_root), tunable_runs.frozen(tunable_root)
    made_by = card.text(finished_run.open_run(run.path)).partition("## Made by\n\n")[2]

    words = shlex.split(made_by)
    second = words.index("python", 1)
    given = {word for word in words if word.startswith("--")}

    assert words[:3] == words[second : second + 3] == ["python", "-m", "cmr.train"]
    assert words[second - 1] == f"--run_name={first.path.name}"
    assert words[-1] == f"--finetune_from=workspace/scenes/runs/{first.path.name}"
    assert str(tunable_root) not in made_by
    # Together they say what the run's own flags do.
    own = {"workspace_dir", "run_name", "finetune_from", "strategy", "logical_cpus", "worker_timeout"}
    own |= {"checkpoint_steps", "max_pixels", "noprint_model"}
    for flag in run.read_metrics()["flags"]:
        assert flag in given or flag.endswith("=") or flag.lstrip("-").partition("=")[0] in own


@pytest.mark.parametrize(("model", "is_left_out"), [("single", True), ("vse", False)])
def test_a_captioner_is_left_out_where_the_cnn_that_it_reads_is_another_now(tunable_root, model, is_left_out):
    opened = finished_run.open_run(tunable_runs.tuned(tunable_root, model).path)
    config_with_one = dataclasses.replace(opened.config, captioner="a captioner")

    parts = RunParts(dataclasses.replace(opened, config=config_with_one))

    assert parts.has_tuned_x_img == is_left_out
    assert parts.captioner() is None


def test_of_two_cnns_one_alone_may_be_trained(tunable_root):
    run = tunable_runs.tuned(tunable_root, "fusion", "--finetune_which=vgg", "--max_epochs=1")

    opened = finished_run.open_run(run.path)

    assert list(opened.config.finetune.cnns) == ["vgg_features"]
    assert [each.name for each in opened.inputs.features.values()] == [TUNED, tunable_runs.FEATURES]


def test_the_flags_that_are_not_given_are_the_first_phases(tunable_root):
    before, run = tunable_runs.frozen(tunable_root), tunable_runs.tuned(tunable_root)

    told, first = (each.flags_txt.read_text().splitlines() for each in (run, before))

    assert set(first) - set(told) == {"--learning_rate=0.03", "--max_epochs=3"}
    assert {"--finetune_cnn", "--finetune_blocks=2", f"--finetune_from={before.path}"} <= set(told)


def test_a_run_without_a_second_phase_says_nothing_of_it(tunable_root):
    before = tunable_runs.frozen(tunable_root)

    assert "finetune" not in before.flags_txt.read_text() + before.config_json.read_text()
    assert "max_pixels" not in before.flags_txt.read_text()


def test_the_same_command_and_its_flagfile_print_the_finished_runs_table(tunable_root):
    run = tunable_runs.tuned(tunable_root)
    flags = tunable_runs.tuning_flags(tunable_runs.frozen(tunable_root))

    again = tiny_runs.call_command("cmr.train", *flags)
    by_file = tiny_runs.call_command("cmr.train", f"--flagfile={run.flags_txt}")

    assert tiny_runs.run_path(again) == run.path == tiny_runs.run_path(by_file)
    assert "epoch" not in again.stdout + by_file.stdout


def test_more_epochs_go_on_and_the_features_follow(tunable_root):
    flags = (*tunable_runs.tuning_flags(tunable_runs.frozen(tunable_root)), "--run_name=longer")
    short = tiny_runs.call_command("cmr.train", *flags, "--max_epochs=1", "--patience=9")
    run = Run(tiny_runs.run_path(short))
    first = features.read_features(run.tuned_features_dir("vgg_features", tunable_runs.FEATURES)).array[:]

    longer = tiny_runs.call_command("cmr.train", *flags, "--max_epochs=3", "--patience=9")

    assert "going on from epoch 2, step 0" in longer.stdout
    history = run.read_history()
    best = max(range(3), key=lambda epoch: history[epoch]["val"]["sum_of_recalls"])
    kept = features.read_features(run.tuned_features_dir("vgg_features", tunable_runs.FEATURES)).array[:]
    assert np.array_equal(first, kept) == (best == 0)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--finetune_cnn",), "give --finetune_cnn and --finetune_from=workspace/DATASET/runs/NAME together"),
        (("--finetune_from=somewhere",), "give --finetune_cnn and --finetune_from"),
        (("--finetune_cnn", "--finetune_from=nowhere"), "nowhere holds no run (config.json is missing)"),
    ],
)
def test_flags_that_begin_with_nothing_are_refused_in_one_line(flags, sentence):
    ended = tiny_runs.call_command("cmr.train", *flags)

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_features_of_the_tuned_cnn_that_are_gone_are_named_with_the_command_that_makes_them(tunable_root, tmp_path):
    run = tunable_runs.tuned(tunable_root)
    folder = run.tuned_features_dir("vgg_features", tunable_runs.FEATURES)
    folder.rename(tmp_path / "away")
    try:
        ended = tiny_runs.call_command("cmr.evaluate", f"--run_dir={run.path}")
    finally:
        (tmp_path / "away").rename(folder)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"makes them again: python -m cmr.train --flagfile={run.flags_txt}" in ended.stderr


def test_two_devices_train_it_as_a_user_would(tunable_root):
    flags = tunable_runs.tuning_flags(tunable_runs.frozen(tunable_root))
    devices = "--strategy=mirrored", "--logical_cpus=2", "--batch_size=14", "--max_epochs=1", "--run_name=two-devices"

    ended = run_command("cmr.train", *flags, *devices)

    assert ended.returncode == 0, ended.stderr
    assert "was trained too" in " ".join(ended.stdout.split())


def test_what_the_text_encoder_learnt_from_sentences_stays_with_the_run(tunable_root):
    workspace = tunable_runs.workspace(tunable_root)
    other = workspace.root / "flickr30k"
    other.mkdir(exist_ok=True)
    for path in (workspace.captions_csv, workspace.dataset_json):
        (other / path.name).write_bytes(path.read_bytes())
    flags = f"--vgg_features={tunable_runs.FEATURES}", "--sentences_of=flickr30k", "--sentence_epochs=1", "--model=vse"
    ended = tiny_runs.call_command("cmr.train", *tiny_runs.place(workspace), *tiny_runs.TINY, *flags)
    assert ended.returncode == 0, ended.stderr
    begins_with = Run(tiny_runs.run_path(ended))

    ended = tiny_runs.call_command(
        "cmr.train", *tiny_runs.place(workspace), *tunable_runs.tuning_flags(begins_with), "--max_epochs=1"
    )

    assert ended.returncode == 0, ended.stderr
    assert "learns first" not in ended.stdout
    tuned = Run(tiny_runs.run_path(ended)).read_config()
    assert tuned.text_pretraining == begins_with.read_config().text_pretraining is not None


@pytest.mark.parametrize("given", [("--sentences_of=flickr30k",), ("--sentences_of=flickr30k", "--sentence_epochs=3")])
def test_a_second_phase_learns_from_no_sentences(tunable_root, given):
    begins_with = tunable_runs.frozen(tunable_root)

    ended = tiny_runs.call_command(
        "cmr.train",
        *tiny_runs.place(tunable_runs.workspace(tunable_root)),
        *tunable_runs.tuning_flags(begins_with),
        *given,
    )

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "leave --sentences_of and --sentence_epochs out" in ended.stderr
