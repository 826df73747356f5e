"""cmr.pretrain and the reuse of its captioner, as commands."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tiny_runs
import tiny_workspaces
from commands import ROOT

from cmr.captioner import files
from cmr.workspace import features

PRETRAIN = (
    "--dataset=scenes",
    "--pretrain_epochs=2",
    "--pretrain_decay=none",
    "--lstm_units=8",
    "--text_space_dim=9",
    "--pretrain_batch_size=64",
    "--checkpoint_steps=1",
)

# The training kills its own process before its fourth step, the second of the second epoch.
_KILLED = """
import os, runpy, signal, sys
from cmr.captioner.trainer import CaptionerTrainer
step, done = CaptionerTrainer.step, []
def killing(self, batch):
    if len(done) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(batch)
    return step(self, batch)
CaptionerTrainer.step = killing
runpy.run_module("cmr.pretrain", run_name="__main__")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace whose captioner was trained without interruption."""
    workspace = tiny_workspaces.make_workspace(tmp_path_factory.mktemp("pretrained") / "workspace")
    done = tiny_runs.call_command("cmr.pretrain", *PRETRAIN, "--max_pixels=9", f"--workspace_dir={workspace.root}")
    assert done.returncode == 0, done.stderr
    return workspace, done.stdout


def test_it_prints_the_perplexity_and_what_comes_next(trained):
    workspace, printed = trained

    captioner = files.read_captioner(workspace.captioner_dir)

    assert f"validation {captioner.looking}" in printed
    assert "It hardly looks at the pictures" in printed
    assert "next: python -m cmr.train" in printed
    assert "warning: --max_pixels is not read here; it is of --finetune_cnn" in printed


def test_the_folder_tells_what_it_was_trained_on(trained):
    kept = files.read_captioner(trained[0].captioner_dir)

    assert (kept.dataset, kept.features, kept.feature_dim, kept.seed) == ("scenes", "scene_cnn-layout", 14, 0)
    assert set(kept.train_image_ids) == {f"train{number}.png" for number in range(36)}
    assert set(kept.checksums) == {"captions.csv", "vocabulary"}
    assert kept.fingerprint == features.read_features(trained[0].features_dir("scene_cnn-layout")).fingerprint()


def test_a_batch_of_more_sentences_than_there_are_is_refused_and_the_folder_left_for_the_mended_command(
    trained, tmp_path
):
    flags = [*PRETRAIN, "--pretrain_epochs=1", f"--workspace_dir={trained[0].root}", f"--captioner_dir={tmp_path}/own"]

    refused = tiny_runs.call_command("cmr.pretrain", *flags, "--pretrain_batch_size=145")
    mended = tiny_runs.call_command("cmr.pretrain", *flags)

    assert refused.returncode == 1
    assert "144 sentences, fewer than a batch's 145; lower --pretrain_batch_size" in refused.stderr
    assert mended.returncode == 0, mended.stderr


def test_more_epochs_go_on_to_the_weights_of_a_training_that_went_through(trained, tmp_path):
    flags = [*PRETRAIN, f"--workspace_dir={trained[0].root}", f"--captioner_dir={tmp_path}/captioner"]
    stopped = tiny_runs.call_command("cmr.pretrain", *flags, "--pretrain_epochs=1")

    went_on = tiny_runs.call_command("cmr.pretrain", *flags)

    assert (stopped.returncode, went_on.returncode) == (0, 0), went_on.stderr
    assert "going on from epoch 2, step 0" in went_on.stdout
    models = [files.read_captioner(path).model for path in (trained[0].captioner_dir, tmp_path / "captioner")]
    for value, expected in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_killed_and_begun_again_it_ends_with_the_same_weights(trained, tmp_path):
    flags = [*PRETRAIN, f"--workspace_dir={trained[0].root}", f"--captioner_dir={tmp_path}/captioner"]
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=600,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "captioner" / "captioner.json").exists()

    resumed = tiny_runs.call_command("cmr.pretrain", *flags)

    assert "going on from epoch 2, step 1" in resumed.stdout, resumed.stderr
    models = [files.read_captioner(path).model for path in (trained[0].captioner_dir, tmp_path / "captioner")]
    for value, expected in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_self_critical_training_goes_on_from_it_and_leaves_it_as_it_is(trained):
    workspace, _ = trained
    before = files.read_captioner(workspace.captioner_dir).checksum()
    flags = ["--dataset=scenes", f"--workspace_dir={workspace.root}", "--self_critical", "--pretrain_batch_size=36"]

    done = tiny_runs.call_command("cmr.pretrain", *flags, "--pretrain_epochs=1", "--samples_per_image=3")

    assert done.returncode == 0, done.stderr
    assert "val CIDEr" in done.stdout
    assert "\nvalidation CIDEr" in done.stdout
    folder = workspace.dataset_dir / "captioner_self_critical"
    assert f"--captioner={folder}" in done.stdout
    assert files.read_captioner(folder).checksum() != before == files.read_captioner(workspace.captioner_dir).checksum()


@pytest.mark.parametrize(
    "idle", ["--lstm_units=999", "--caption_dropout=0.77", "--feature_norm=7", "--feature_whitening=1"]
)
def test_a_second_phase_refuses_other_sizes_than_its_captioners(trained, idle):
    ended = tiny_runs.call_command(
        "cmr.pretrain", "--dataset=scenes", f"--workspace_dir={trained[0].root}", "--self_critical", idle
    )

    assert ended.returncode == 1
    assert f"error: {idle.split('=')[0]}" in ended.stderr and "leave it out" in ended.stderr


@pytest.mark.parametrize("other", ["--finetune_cnn", "--optimizer=sgd", "--label_smoothing=0.1"])
def test_self_critical_training_with_what_it_does_not_do_is_refused(trained, other):
    refused = tiny_runs.call_command(
        "cmr.pretrain", "--dataset=scenes", f"--workspace_dir={trained[0].root}", "--self_critical", other
    )

    assert refused.returncode == 1
    assert "--self_critical trains the captioner alone, by adam and by rewards" in refused.stderr


def test_a_leaking_captioner_is_refused_and_when_allowed_said_in_every_table(trained, tmp_path):
    """Also by cmr.evaluate, from config.json."""
    workspace, _ = trained
    leaking = files.read_captioner(workspace.captioner_dir)
    files.write_captioner(
        tmp_path / "leaking", dataclasses.replace(leaking, train_image_ids=("test0.png", "test5.png"))
    )
    train = [
        *("--dataset=scenes", f"--workspace_dir={workspace.root}", f"--captioner={tmp_path}/leaking"),
        *("--model=single", "--max_epochs=1", "--word_dim=4", "--gru_units=4", "--run_name=leaking"),
    ]

    refused = tiny_runs.call_command("cmr.train", *train)
    allowed = tiny_runs.call_command("cmr.train", *train, "--allow_leak")
    again = tiny_runs.call_command("cmr.evaluate", f"--run_dir={workspace.run_dir('leaking')}")

    assert refused.returncode == 1
    assert "2 of the test split, such as test0.png" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    for printed in (allowed.stdout, again.stdout):
        assert "LEAK (--allow_leak): the captioner learnt from evaluated images: 2 of the test split." in printed
        assert "W_img (Eq. 4) is of a captioner trained on scenes" in printed
    assert "LEAK" in json.loads(workspace.run_dir("leaking").joinpath("config.json").read_text())["leak"]
