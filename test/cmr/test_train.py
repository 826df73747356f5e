"""cmr.train as a user runs it: the three models, what a run leaves, going on, two devices, and what is refused."""

import collections
import errno
import hashlib
import importlib.metadata
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tiny_runs
from commands import ROOT, run_command
from forked_workers import free_ports
from tensorboard.backend.event_processing import event_accumulator
from tiny_runs import TINY, call_command, place, read_json
from tiny_workspaces import without_runs, write_features

from cmr import config
from cmr.evaluation import results_table
from cmr.training import distribution
from cmr.workspace import captions, features
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import Vocabulary, tokenize

DIRECTIONS = ("sentence_retrieval", "image_retrieval")


@pytest.fixture
def copied(scenes_workspace, tmp_path):
    """The tiny workspace without runs, to be damaged."""
    return without_runs(scenes_workspace, tmp_path / "workspace")


@pytest.fixture(scope="module")
def fusion(scenes_workspace):
    """The finished run of the fusion model."""
    return tiny_runs.trained_run(scenes_workspace, "fusion")[0]


@pytest.mark.parametrize("model", config.MODELS)
def test_every_model_trains_and_prints_its_table_with_the_numbers_of_metrics_json(scenes_workspace, model):
    run, ended = tiny_runs.trained_run(scenes_workspace, model)

    measured = read_json(run.metrics_json)["test"]
    (row,) = re.findall(rf"^{model} \(measured here\)(.*)$", ended.stdout, re.MULTILINE)
    expected = [
        printed
        for direction in DIRECTIONS
        for printed in (
            *(f"{measured[direction][f'recall_at_{at}']:.1f}" for at in (1, 5, 10)),
            str(measured[direction]["median_rank"]),
            f"{measured[direction]['mean_rank']:.1f}",
        )
    ]
    assert row.replace("|", "").split() == expected
    assert "Random ranking (exact)" in ended.stdout
    assert "test split: 12 images, 48 sentences." in ended.stdout
    assert max(map(len, ended.stdout.partition(f"{model} on scenes")[2].splitlines()[:-1])) <= results_table.WIDTH


@pytest.mark.parametrize("model", config.MODELS)
def test_a_linear_map_in_the_captioners_place_is_said_at_the_start_and_under_the_table(scenes_workspace, model):
    _, ended = tiny_runs.trained_run(scenes_workspace, model)

    first, *others = ended.stdout.splitlines()
    assert (re.match("no captioner in .*: W_img is a linear map", first) is not None) == (model != "vse")
    assert any("it stands in for a captioner's" in line for line in others) == (model != "vse")


def test_training_learns(fusion):
    losses = [row["loss"] for row in read_json(fusion.history_json)]

    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.9 * losses[0]


def test_a_flag_that_was_typed_in_vain_is_named(copied):
    typed = "--model=vse", "--image_embedding=raw", "--print_model", "--run_name=printed"
    ended = call_command("cmr.train", *place(copied), *TINY, *typed)

    assert "warning: --image_embedding is not read here; it is of --model=single or fusion" in ended.stdout


def test_metrics_json_says_where_its_numbers_come_from(scenes_workspace, fusion):
    metrics = read_json(fusion.metrics_json)

    folders = {name: scenes_workspace.features_dir(name) for name in ("scene_cnn-objects", "scene_cnn-layout")}
    words = Vocabulary.read(scenes_workspace.vocabulary_txt).words
    assert metrics["checksums"] == {
        "captions.csv": sha256(scenes_workspace.captions_csv.read_bytes()),
        "vocabulary": sha256("\n".join(words).encode()),
        **{
            name: sha256((folder / "image_ids.txt").read_bytes() + (folder / "features.npy").read_bytes())
            for name, folder in folders.items()
        },
    }
    assert metrics["fingerprints"] == {
        name: features.read_features(folder).fingerprint().to_dict() for name, folder in folders.items()
    }
    assert metrics["flags"] == fusion.flags_txt.read_text().splitlines()
    assert {"--model=fusion", "--margin=0.7", "--batch_size=15"} <= set(metrics["flags"])
    assert metrics["seed"] == 0
    assert metrics["cost"]["seconds"] > 0
    assert metrics["cost"]["peak_memory_mb"] > 0
    assert [(each["features"], each["role"]) for each in metrics["stand_ins"]] == [
        ("scene_cnn-objects", "VGG features"),
        ("scene_cnn-layout", "image features"),
    ]
    assert metrics["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"tensorflow", "keras", "numpy"} <= metrics["packages"].keys()
    assert metrics["packages"] == {name: importlib.metadata.version(name) for name in metrics["packages"]}
    assert (metrics["git_commit"] or "").removesuffix("+changes") == head_commit()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def head_commit():
    """The checkout's commit; "" outside git."""
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def test_tensorboard_shows_the_run(fusion):
    events = event_accumulator.EventAccumulator(str(fusion.tensorboard_dir)).Reload()

    tags = events.Tags()["tensors"]
    curves = {f"val_{way}/{name}" for way in DIRECTIONS for name in ("recall_at_1", "recall_at_5", "recall_at_10")}
    curves |= {f"val_{way}/median_rank" for way in DIRECTIONS}
    curves |= {"val/sum_of_recalls", "epoch/loss", "epoch/learning_rate", "epoch/examples_per_second"}
    assert [tag for tag in curves if [event.step for event in events.Tensors(tag)] != [1, 2, 3]] == []
    assert {"train/loss", "flags"} <= set(tags)
    assert len([tag for tag in tags if tag.startswith("top_sentences/val")]) == 6
    (shown,) = events.Tensors("flags")
    assert b"--model=fusion" in tf.make_ndarray(shown.tensor_proto).item()
    sums = [row["val"]["sum_of_recalls"] for row in read_json(fusion.history_json)]
    drawn = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("val/sum_of_recalls")]
    np.testing.assert_allclose(drawn, sums, rtol=1e-6)
    assert (fusion.tensorboard_dir / "projector_config.pbtxt").exists()


def test_flags_txt_given_as_a_flagfile_names_the_same_run_whose_table_is_printed_without_training(
    scenes_workspace, fusion
):
    _, ended = tiny_runs.trained_run(scenes_workspace, "fusion")
    weights, written = fusion.best_weights.read_bytes(), fusion.metrics_json.stat().st_mtime_ns

    again = call_command("cmr.train", f"--flagfile={fusion.flags_txt}")

    assert again.returncode == 0, again.stderr
    assert tiny_runs.run_path(again) == fusion.path
    assert "epoch 1" not in again.stdout + again.stderr
    assert again.stdout.partition("fusion on scenes")[2] == ended.stdout.partition("fusion on scenes")[2]
    assert (fusion.best_weights.read_bytes(), fusion.metrics_json.stat().st_mtime_ns) == (weights, written)


def test_a_finished_run_prints_its_table_and_writes_nothing(scenes_workspace, fusion):
    """So it may lie where nothing can be written."""
    before = {path: path.stat().st_mtime_ns for path in scenes_workspace.root.rglob("*")}

    again = call_command("cmr.train", f"--flagfile={fusion.flags_txt}")

    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in scenes_workspace.root.rglob("*")} == before


def test_where_nothing_can_be_written_it_is_one_line_with_the_mend(copied, monkeypatch):
    mkdir = os.mkdir

    def read_only(path, *arguments, **others):
        if pathlib.Path(path).is_relative_to(copied.root):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        mkdir(path, *arguments, **others)

    monkeypatch.setattr(os, "mkdir", read_only)

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse")

    assert_one_line(
        ended, "can't be written (Read-only file system); choose another --workspace_dir or change its rights"
    )
    assert not (copied.dataset_dir / "runs").exists()


def test_a_run_that_another_process_trains_is_one_line_that_names_it(copied):
    arguments = [*place(copied), *TINY, "--model=vse", "--run_name=mine"]
    with Run(copied.run_dir("mine")).writer():
        (copied.run_dir("mine") / "kept").touch()

        ended = call_command("cmr.train", *arguments)

        assert_one_line(ended, f"{copied.run_dir('mine')} is being written by process {os.getpid()} (")
    assert [path.name for path in copied.run_dir("mine").iterdir()] == ["kept"]


def test_a_training_leaves_no_lock_and_no_leftover(fusion):
    assert [path for path in fusion.path.rglob("*") if path.name.startswith(".")] == []


def test_an_empty_test_split_is_one_line_before_the_training(copied):
    frame = captions.read_captions(copied.captions_csv)
    captions.write_captions(copied.captions_csv, frame[frame["split"] != "test"])

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse")

    assert_one_line(ended, "no image in the test split")
    assert "epoch 1" not in ended.stdout


def test_a_run_may_learn_from_the_first_training_images_alone_and_its_table_says_so(copied):
    whole = captions.read_captions(copied.captions_csv)
    train = whole[whole["split"] == "train"]
    number = 12
    sentences = int(train["image_id"].isin(train["image_id"].unique()[:number]).sum())
    small = f"--train_images={number}", "--batch_size=8", "--image_embedding=linear"

    ended = call_command("cmr.train", *tiny_runs.place(copied), *tiny_runs.TINY, *small)

    assert ended.returncode == 0, ended.stderr
    assert f"{number} training images with {sentences} sentences" in ended.stdout
    run = Run(tiny_runs.run_path(ended))
    assert run.read_config().train_images == number
    assert run.read_metrics()["splits"]["train"] == {"images": number, "captions": sentences}
    again = call_command("cmr.evaluate", f"--run_dir={run.path}")
    assert again.returncode == 0, again.stderr
    assert f"train {number} images" in " ".join(again.stdout.split())
    # The linear map of all training images is another one.
    of_all = call_command("cmr.train", *tiny_runs.place(copied), *tiny_runs.TINY, *small[1:])
    assert "training images" in of_all.stdout
    assert Run(tiny_runs.run_path(of_all)).path != run.path


def test_another_setting_is_another_run(scenes_workspace, fusion):
    printed = call_command(
        "cmr.train", f"--flagfile={fusion.flags_txt}", "--max_epochs=1", "--patience=1", "--margin=0.2"
    )

    assert printed.returncode == 0, printed.stderr
    assert tiny_runs.run_path(printed) != fusion.path


def test_more_epochs_than_a_finished_run_had_are_trained_on_to_those_of_one_that_went_through(copied):
    arguments = [*place(copied), *TINY, "--model=vse", "--patience=9"]
    stopped = call_command("cmr.train", *arguments, "--max_epochs=1")
    went_on = call_command("cmr.train", *arguments, "--max_epochs=2")
    through = call_command("cmr.train", *arguments, "--max_epochs=2", "--run_name=through")

    assert (stopped.returncode, went_on.returncode, through.returncode) == (0, 0, 0), went_on.stderr
    assert "begun with other limits (train.max_epochs: 1 there, 2 now)" in went_on.stdout
    assert "epoch 1: loss" not in went_on.stdout
    run, expected = Run(tiny_runs.run_path(went_on)), Run(copied.run_dir("through"))
    assert run.path == tiny_runs.run_path(stopped)
    assert read_json(run.history_json) == read_json(expected.history_json)
    assert read_json(run.metrics_json)["test"] == read_json(expected.metrics_json)["test"]
    assert "--max_epochs=2" in read_json(run.metrics_json)["flags"]


def test_a_captioners_w_img_is_taken_and_no_stand_in_is_named(copied, tmp_path):
    kernel = np.random.default_rng(0).normal(size=(14, 4)).astype(np.float32)
    np.savez(tmp_path / "captioner.npz", **{"image_embedding/weights": kernel})

    ended = call_command(
        "cmr.train", *place(copied), *TINY, "--model=single", "--max_epochs=1", f"--captioner={tmp_path}/captioner.npz"
    )

    assert ended.returncode == 0, ended.stderr
    assert f"W_img is of the captioner in captioner.npz ({tmp_path}/captioner.npz)" in ended.stdout
    assert "stands in for a captioner's" not in ended.stdout
    assert sha256(kernel.tobytes()) in (tiny_runs.run_path(ended) / "config.json").read_text()


def test_print_model_prints_and_draws_it_and_trains_nothing(copied):
    ended = call_command("cmr.train", *place(copied), *TINY, "--print_model", "--run_name=printed")

    assert ended.returncode == 0, ended.stderr
    assert "Total params" in ended.stdout
    assert "text_encoder" in (copied.run_dir("printed") / "model.dot").read_text()
    assert {path.name for path in copied.run_dir("printed").iterdir()} <= {"model.dot", "model.png"}


def levels(copied, *arguments):
    """A training of all levels of the text in a workspace of its own: the run, and how the command ended."""
    flags = ("--model=vse", "--text_levels=gru,ngrams,words", "--min_ngram_count=3", "--run_name=levels")
    ended = call_command("cmr.train", *place(copied), *TINY, *flags, *arguments)
    return Run(copied.run_dir("levels")), ended


def test_the_ngrams_of_a_run_are_of_training_sentences_alone(copied):
    run, ended = levels(copied)

    assert ended.returncode == 0, ended.stderr
    captions = pd.read_csv(copied.captions_csv, dtype=str)
    sentences = [tokenize(text) for text in captions[captions["split"] == "train"]["caption"]]
    holding = collections.Counter()
    for words in sentences:
        holding.update({*words, *(f"{first} {second}" for first, second in itertools.pairwise(words))})
    (first, *others) = run.ngrams_txt.read_text(encoding="utf-8").splitlines()
    assert first == f"<end>\t{len(sentences)}"
    assert dict(line.split("\t") for line in others) == {
        ngram: str(count) for ngram, count in holding.items() if count >= 3
    }


def test_ngrams_that_are_lost_are_written_again_and_others_are_refused(copied):
    run, first = levels(copied)
    content = run.ngrams_txt.read_bytes()
    run.ngrams_txt.write_bytes(content.replace(b"\t", b"\t1", 1))
    _, changed = levels(copied)
    run.ngrams_txt.unlink()
    _, again = levels(copied)

    assert_one_line(changed, "ngrams.txt holds other n-grams than the run was trained with; remove it, and the same")
    assert run.ngrams_txt.read_bytes() == content
    assert again.stdout.split("\n\n", 1)[1] == first.stdout.split("\n\n", 1)[1]


def test_too_rare_ngrams_are_one_line(copied):
    _, ended = levels(copied, "--min_ngram_count=100000")

    assert_one_line(ended, "no word of the training sentences stands in 100000 of them; lower --min_ngram_count")


def word_vectors(copied, *arguments):
    """A training that begins with the vectors of a file for three words."""
    path = copied.root / "vectors.npz"
    np.savez(path, words=np.array(["dog", "red", "zebra"]), vectors=np.arange(1.0, 7.0).reshape(3, 2))
    flags = ("--model=vse", f"--word_vectors={path}", "--run_name=words")
    return call_command("cmr.train", *place(copied), *TINY, *flags, *arguments)


def test_a_table_says_which_word_vectors_a_run_began_with(copied):
    ended = word_vectors(copied)

    assert ended.returncode == 0, ended.stderr
    assert "The word table (Eq. 1) began with vectors.npz, SHA-256 " in ended.stdout
    kept = read_json(copied.run_dir("words") / "config.json")["word_vectors"]
    assert kept.removeprefix("vectors.npz, SHA-256 ") == sha256((copied.root / "vectors.npz").read_bytes())[:12]


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--word_dim=1", "--word_dim=1 has no room for them; give --word_dim=2 or more"),
        ("--text_levels=ngrams", "--text_levels=ngrams reads no word table; leave --word_vectors out"),
        ("--word_vectors=nowhere.txt", "--word_vectors=nowhere.txt is no file"),
    ],
)
def test_word_vectors_that_do_not_serve_are_one_line(copied, argument, sentence):
    assert_one_line(word_vectors(copied, argument), sentence)


def test_two_devices_train_levels_to_the_numbers_of_one(copied, two_replicas):
    levels(copied, "--batch_size=16", "--dropout=0", "--run_name=one")
    _, two = levels(copied, "--batch_size=16", "--dropout=0", "--run_name=two", "--strategy=mirrored")

    assert two.returncode == 0, two.stderr
    expected, measured = (read_json(copied.run_dir(name) / "history.json") for name in ("one", "two"))
    assert [row["loss"] for row in measured] == pytest.approx([row["loss"] for row in expected], rel=1e-3)


def test_two_devices_train_to_the_numbers_of_one(copied):
    # Each device would draw dropout masks of its own.
    arguments = [*place(copied), *TINY, "--model=vse", "--batch_size=16", "--max_epochs=1", "--dropout=0"]
    one = call_command("cmr.train", *arguments, "--run_name=one")

    two = run_command("cmr.train", *arguments, "--run_name=two", "--strategy=mirrored", "--logical_cpus=2")

    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    (of_one,), (of_two,) = (read_json(copied.run_dir(name) / "history.json") for name in ("one", "two"))
    np.testing.assert_allclose(of_two["loss"], of_one["loss"], rtol=1e-4)


@pytest.fixture
def two_replicas(monkeypatch):
    """--strategy=mirrored has the two devices of this process, which can't be split again."""
    strategies = {"mirrored": distribution.mirrored(("CPU:0", "CPU:1")), "default": tf.distribute.get_strategy()}
    monkeypatch.setattr(distribution, "make_strategy", lambda name, *_: strategies[name])


def test_devices_train_with_dropout(copied, two_replicas):
    arguments = [*place(copied), *TINY, "--model=fusion", "--batch_size=16", "--max_epochs=2", "--run_name=dropout"]

    ended = call_command("cmr.train", *arguments, "--strategy=mirrored")

    assert ended.returncode == 0, ended.stderr
    first, second = read_json(copied.run_dir("dropout") / "history.json")
    assert second["loss"] < first["loss"]


def assert_one_line(ended, *sentences):
    """The command ended with exit code 1 and one line that holds the sentences."""
    assert ended.returncode == 1
    assert re.fullmatch(r"error: .*\n", ended.stderr)
    for sentence in sentences:
        assert sentence in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--batch_size=15"], "--batch_size=15 can't be shared out to 2 replicas"),
        (
            ["--batch_size=16", "--num_negatives=5"],
            "--num_negatives=5 can't be shared out to 2 replicas; take a multiple",
        ),
    ],
)
def test_a_batch_that_two_devices_cannot_share_is_one_line(copied, two_replicas, arguments, sentence):
    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse", "--strategy=mirrored", *arguments)

    assert_one_line(ended, sentence)
    assert not list(copied.dataset_dir.glob("runs/*"))


def test_workers_that_the_environment_does_not_name_are_one_line(copied, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{")

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse", "--strategy=multi_worker")

    assert_one_line(ended, "can't read the environment's TF_CONFIG")


def test_a_worker_that_never_comes_is_one_line_that_names_it(copied, monkeypatch):
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}}))

    ended = call_command(
        "cmr.train", *place(copied), *TINY, "--model=vse", "--strategy=multi_worker", "--worker_timeout=0"
    )

    assert_one_line(ended, f"worker 1 ({cluster['worker'][1]}) did not come in 0 seconds", "--worker_timeout")


def test_a_refusal_in_a_process_of_its_own_is_one_line_too(copied):
    ended = run_command("cmr.train", *place(copied), *TINY, "--model=vse", "--vgg_features=none")

    assert_one_line(ended, "features made so far: scene_cnn-layout, scene_cnn-objects")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dataset=mscoco"], "run: python -m data_prep.prepare --dataset=mscoco"),
        (["--batch_size=145"], "144 sentences, fewer than a batch's 145; lower --batch_size"),
        (["--image_features=none"], "features/none/features.npy is missing"),
        (["--num_negatives=145"], "lower --batch_size (and --num_negatives)"),
        (["--captioner=none.npz"], "--captioner=none.npz does not exist"),
        (["--logical_cpus=5"], "--logical_cpus=5 came too late"),
        (["--run_name=../elsewhere"], "the name of one folder is"),
        (["--run_name=.."], "the name of one folder is"),
    ],
)
def test_a_flag_that_does_not_fit_the_workspace_is_one_line(copied, arguments, sentence):
    # Devices are known from TensorFlow's first use on, whichever test comes first.
    tf.config.list_logical_devices()

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=single", *arguments)

    assert_one_line(ended, sentence)
    # So that the mended command finds no run of other settings under its name.
    assert not list(copied.dataset_dir.glob("runs/*"))


def test_features_that_are_no_numbers_are_one_line_with_the_image(copied):
    path = copied.features_dir("scene_cnn-objects") / features.FEATURES_NPY
    array = np.load(path)
    array[3, 2] = np.nan
    np.save(path, array)

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse")

    assert_one_line(ended, "NaN or infinite", "train3.png", "data_prep.extract")


def test_features_of_other_images_are_one_line(copied):
    write_features(copied, "others", ["a.png", "b.png"], np.ones((2, 3), np.float32))

    ended = call_command("cmr.train", *place(copied), *TINY, "--model=vse", "--vgg_features=others")

    assert_one_line(ended, "has no row for 36 of 36 images, such as train0.png")


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: path.write_bytes(b"garbage"), "holds no kernel of a layer image_embedding"),
        (
            lambda path: np.savez(path, **{"image_embedding/weights": np.ones((9, 4), np.float32)}),
            "captioner.npz is [9, 4], but the image features scene_cnn-layout have 14 values",
        ),
    ],
)
def test_a_captioner_that_does_not_serve_is_one_line(copied, tmp_path, write, sentence):
    write(tmp_path / "captioner.npz")

    ended = call_command(
        "cmr.train", *place(copied), *TINY, "--model=single", f"--captioner={tmp_path / 'captioner.npz'}"
    )

    assert_one_line(ended, sentence)


def test_the_name_of_a_run_with_other_settings_is_one_line_that_names_them(scenes_workspace, fusion):
    ended = call_command(
        "cmr.train",
        *(*place(scenes_workspace), *TINY, f"--run_name={fusion.path.name}", "--margin=0.2", "--seed=5"),
    )

    assert_one_line(ended, "train.margin: 0.7 there, 0.2 now", "train.seed: 0 there, 5 now", "--run_name")


def test_a_file_in_the_workspaces_place_is_one_line(tmp_path):
    (tmp_path / "workspace").write_text("")

    ended = call_command("cmr.train", f"--workspace_dir={tmp_path / 'workspace'}")

    assert_one_line(ended, "holds no prepared data set")
