"""cmr.compare with the systems that read sentences word by word, from flags to a run's files."""

import importlib
import json

import pytest
import tiny_runs

from cmr.cli import compare_flags, flagfiles
from cmr.comparators.settings.registry import SETTINGS
from cmr.trained import finished_run
from cmr.workspace.runs import Run

ROWS = sorted((flagfiles.installed_folder() / "comparators").rglob("*.flags"))

M_CNN = (
    "--m_cnn_batch_size=12",
    "--m_cnn_max_epochs=1",
    "--m_cnn_image_units=4",
    "--m_cnn_hidden_units=4",
    "--m_cnn_filters_1=4",
    "--m_cnn_filters_2=4",
    "--m_cnn_filters_3=4",
    "--word_vectors=words.txt",
    "--image_features=scene_cnn-layout",
)


def compare(workspace, *flags):
    return tiny_runs.call_command("cmr.compare", *tiny_runs.place(workspace), *flags)


def pretrain(workspace):
    ended = tiny_runs.call_command(
        "cmr.pretrain",
        *tiny_runs.place(workspace),
        "--pretrain_epochs=1",
        "--lstm_units=4",
        "--text_space_dim=4",
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("path", ROWS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_cmr_compare_takes_a_rows_flagfile_which_is_named_for_its_system_and_data_set(path):
    with tiny_runs.own_flags() as values:
        for define in importlib.import_module("cmr.compare").GROUPS:
            define()
        assert values(["cmr.compare", f"--flagfile={path}"]) == ["cmr.compare"]

        assert values.dataset == path.parent.name
        # A system may have several rows, such as cca_ngrams.
        assert path.stem.startswith(values.system)
        assert compare_flags.settings_of(values, SETTINGS[values.system])


@pytest.fixture
def words(tmp_path, monkeypatch):
    """word vectors that know two words, in the current folder."""
    (tmp_path / "words.txt").write_text("dog 1 0 2\nred 0 1 0\n")
    monkeypatch.chdir(tmp_path)


def test_the_captioner_ranks_and_the_table_says_how(tiny_workspace):
    pretrain(tiny_workspace)

    ended = compare(tiny_workspace, "--system=nic", "--nic_marginal_images=5")

    assert ended.returncode == 0, ended.stderr
    assert "a mean over 5 training images" in " ".join(ended.stdout.split())
    assert not list(Run(tiny_runs.run_path(ended)).path.glob("*_scores-*"))


def test_fewer_images_can_be_measured_and_the_table_says_so(tiny_workspace):
    pretrain(tiny_workspace)

    fewer = "--nic_measured_images=4", "--nic_measured_val_images=3"
    ended = compare(tiny_workspace, "--system=nic", "--nic_marginal_images=5", *fewer)

    assert ended.returncode == 0, ended.stderr
    opened = finished_run.open_run(tiny_runs.run_path(ended))
    assert [len(opened.similarities(name).folds[0]) for name in ("val", "test")] == [3, 4]
    assert [opened.inputs.split(name).num_images for name in ("val", "test")] == [3, 4]
    values = opened.run.read_metrics()
    assert values["test"]["sentence_retrieval"]["num_queries"] == 4
    assert any("first 4 test images" in note for note in values["notes"])


@pytest.mark.parametrize(("val_images", "judged"), [(0, 9), (5, 5)])
def test_how_many_images_judge_an_epoch_is_not_how_many_are_measured(tiny_workspace, val_images, judged):
    small = "--m_rnn_word_dim=4", "--m_rnn_recurrent_units=4", "--m_rnn_multimodal_units=4", "--m_rnn_max_epochs=1"
    fewer = f"--m_rnn_val_images={val_images}", "--m_rnn_measured_val_images=3", "--m_rnn_measured_images=500"
    ended = compare(tiny_workspace, "--system=m_rnn", *small, *fewer)

    assert ended.returncode == 0, ended.stderr
    run = Run(tiny_runs.run_path(ended))
    assert run.read_history()[0]["val"]["sentence_retrieval"]["num_queries"] == judged
    values = run.read_metrics()
    assert values["val"]["sentence_retrieval"]["num_queries"] == 3
    # No image was left out.
    assert not any("smaller gallery" in note for note in values["notes"])


def test_without_a_captioner_the_command_that_trains_one_is_named(tiny_workspace):
    ended = compare(tiny_workspace, "--system=nic")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "cmr.pretrain" in ended.stderr


def test_other_features_than_the_captioners_are_refused(tiny_workspace):
    pretrain(tiny_workspace)

    ended = compare(tiny_workspace, "--system=nic", "--image_features=scene_cnn-objects")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "leave --vgg_features and --image_features out" in ended.stderr


def test_a_captioner_that_learnt_from_the_test_split_is_refused(tiny_workspace):
    pretrain(tiny_workspace)
    learnt_from = tiny_workspace.captioner_dir / "train_image_ids.txt"
    learnt_from.write_text(learnt_from.read_text() + "test0.png\n")

    refused = compare(tiny_workspace, "--system=nic")
    allowed = compare(tiny_workspace, "--system=nic", "--allow_leak")

    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "1 of the test split" in refused.stderr
    assert json.loads(Run(tiny_runs.run_path(allowed)).config_json.read_text())["leak"].startswith("LEAK")


def test_the_four_networks_are_added_up_once_they_are_trained(tiny_workspace, words):
    early = compare(tiny_workspace, "--system=m_cnn_ens", *M_CNN)
    for kind in ("wd", "phs", "phl", "st"):
        ended = compare(tiny_workspace, f"--system=m_cnn_{kind}", *M_CNN)
        assert ended.returncode == 0, ended.stderr

    added = compare(tiny_workspace, "--system=m_cnn_ens", *M_CNN)
    of_longer_courses = compare(tiny_workspace, "--system=m_cnn_ens", *M_CNN, "--m_cnn_max_epochs=2")

    assert "no finished run of m_cnn_wd" in of_longer_courses.stderr
    assert (early.returncode, early.stderr.count("\n")) == (1, 1)
    assert "no finished run of m_cnn_wd" in early.stderr
    assert added.returncode == 0, added.stderr
    assert "m_cnn_ens (measured here)" in added.stdout
