"""The run's folder: begun once, gone on with under the same settings alone, finished with metrics.json."""

import json

import pytest

from cmr.config import CaptionerTrainConfig, ModelConfig, RunConfig, TrainConfig
from cmr.errors import ConfigError, WorkspaceError
from cmr.workspace import limits
from cmr.workspace.runs import PERPLEXITY, Run, default_run

DIRECTION = {
    "recall_at_1": 12.5,
    "recall_at_5": 50.0,
    "recall_at_10": 100.0,
    "median_rank": 3,
    "mean_rank": 5.5,
    "num_queries": 8,
}
BOTH = {"sentence_retrieval": DIRECTION, "image_retrieval": DIRECTION, "sum_of_recalls": 325.0}
METRICS = {"seed": 3, "test": BOTH, "random_ranking": BOTH, "features": "VGG features", "notes": [], "git_commit": None}
HISTORY = [{"epoch": 1, "loss": 3.5, "val": BOTH}, {"epoch": 2, "loss": 2.5, "val": BOTH}]


def run_config(**changed):
    settings = {
        "dataset": "scenes",
        "model": ModelConfig("vse", 10, 0, 60),
        "train": TrainConfig(0.7, "sum", "epoch", 0, 40, 1e-3, 2.0, 9, 3, 500, 0),
        "vgg_features": "vgg16-fc7",
        "image_features": "",
        "text_space": "",
        "checksums": {"vocabulary": "ab12"},
    }
    return RunConfig(**{**settings, **changed})


@pytest.fixture
def run(tmp_path):
    begun = Run(tmp_path / "runs" / "mine")
    begun.start(run_config(), "--model=vse\n")
    return begun


def test_a_begun_run_keeps_its_settings_and_flags(run):
    assert run.read_config() == run_config()
    assert run.flags_txt.read_text() == "--model=vse\n"


def test_the_same_settings_go_on_and_the_first_flags_stay(run):
    run.start(run_config(), "--model=vse\n--run_name=mine\n")

    assert run.flags_txt.read_text() == "--model=vse\n"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"vgg_features": "vgg19-fc7"}, "vgg_features: vgg16-fc7 there, vgg19-fc7 now"),
        ({"model": ModelConfig("vse", 10, 0, 61)}, "model.vocabulary_size: 60 there, 61 now"),
        ({"leak": "It has seen some."}, "leak: none there, It has seen some. now"),
        ({"checksums": {"vocabulary": "cd34"}}, "checksums.vocabulary: ab12 there, cd34 now"),
        ({"checksums": {"vocabulary": "ab12", "captions.csv": "ef"}}, "checksums.captions.csv: none there, ef now"),
    ],
)
def test_other_settings_are_refused_by_name_and_change_nothing(run, changed, named):
    with pytest.raises(ConfigError) as caught:
        run.start(run_config(**changed), "--other\n")

    assert named in str(caught.value)
    assert str(caught.value).count(" there, ") == 1
    assert "--run_name" in str(caught.value)
    assert run.read_config() == run_config()


def limited(max_epochs=9, patience=3, checkpoint_steps=500):
    return run_config(
        train=TrainConfig(0.7, "sum", "epoch", 0, 40, 1e-3, 2.0, max_epochs, patience, checkpoint_steps, 0)
    )


def trained(run, *sums):
    """The run with an epoch for each sum of recalls, its state and its results."""
    run.write_history(
        [{"epoch": n, "loss": 1.0, "val": {**BOTH, "sum_of_recalls": value}} for n, value in enumerate(sums, start=1)]
    )
    run.checkpoints_dir.mkdir(exist_ok=True)
    (run.checkpoints_dir / "checkpoint").touch()
    run.write_metrics(METRICS)
    run.test_ranks_npz.touch()


@pytest.mark.parametrize(
    ("sums", "new"),
    [
        ((100, 110, 120, 130, 140, 150, 160, 170, 180), limited(max_epochs=12)),
        ((100, 90, 90, 90), limited(patience=4)),
        ((100, 90, 90, 90), limited(patience=4, checkpoint_steps=7)),
    ],
)
def test_limits_that_let_an_ended_run_go_on_take_the_place_of_its_own_and_it_is_to_be_measured_again(run, sums, new):
    trained(run, *sums)

    changed = run.start(new, "--new\n")

    assert " there, " in changed
    assert run.read_config() == new
    assert run.flags_txt.read_text() == "--new\n"
    assert not run.metrics_json.exists()
    assert not run.test_ranks_npz.exists()


@pytest.mark.parametrize(
    "new",
    [limited(max_epochs=12), limited(max_epochs=4), limited(checkpoint_steps=1), limited(max_epochs=4, patience=9)],
)
def test_limits_under_which_an_ended_run_ends_where_it_did_change_nothing(run, new):
    trained(run, 100, 90, 90, 90)

    run.start(new, "--new\n")

    assert run.read_config() == run_config()
    assert run.is_finished


@pytest.mark.parametrize("new", [limited(max_epochs=3), limited(patience=2), limited(max_epochs=1, patience=1)])
def test_limits_that_would_have_stopped_it_before_are_refused(run, new):
    trained(run, 100, 90, 90, 90)

    with pytest.raises(ConfigError, match=r"train\.(max_epochs|patience): \d there, \d now"):
        run.start(new, "--new\n")

    assert run.is_finished


def test_an_ended_run_whose_state_is_gone_is_not_trained_further(run):
    trained(run, *range(100, 109))
    (run.checkpoints_dir / "checkpoint").unlink()

    with pytest.raises(ConfigError, match=r"train\.max_epochs: 9 there, 12 now"):
        run.start(limited(max_epochs=12), "--new\n")


def test_an_ended_run_whose_history_is_gone_is_not_trained_further(run):
    trained(run, *range(100, 109))
    run.history_json.unlink()

    with pytest.raises(ConfigError, match=r"train\.max_epochs: 9 there, 12 now"):
        run.start(limited(max_epochs=12), "--new\n")

    assert run.is_finished


def test_a_run_that_has_ended_no_epoch_takes_any_limits(run):
    run.start(limited(max_epochs=1, patience=1), "--new\n")

    assert run.read_config() == limited(max_epochs=1, patience=1)


def test_a_run_without_a_name_is_the_default_named_one_that_goes_on_and_has_come_farthest(tmp_path):
    begun = [Run(tmp_path / name) for name in ("vse-00000001", "vse-00000002", "vse-named", "fusion-00000003")]
    for number, each in enumerate(begun, start=1):
        each.start(run_config(), "")
        trained(each, *range(100, 103 + number))

    assert default_run(tmp_path, limited(max_epochs=12)) == begun[1]
    assert default_run(tmp_path, limited(max_epochs=4)) == begun[0]
    for new in (limited(max_epochs=3), run_config(vgg_features="vgg19-fc7")):
        assert default_run(tmp_path, new).path == tmp_path / f"vse-{new.short_hash()}"


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(WorkspaceError, match=r"holds no run \(config\.json is missing\); train one"):
        Run(tmp_path).read_config()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        run_config().to_json().replace('"margin"', '"marge"'),
        json.dumps({**json.loads(run_config().to_json()), "train": 5}),
        run_config().to_json().replace('"model": "vse"', '"model": "vsepp"'),
        run_config().to_json().replace('"batch_size": 40', '"batch_size": -40'),
    ],
)
def test_a_config_that_is_damaged_or_of_another_version_is_refused(run, text):
    run.config_json.write_text(text)

    with pytest.raises(WorkspaceError, match=r"config\.json is .*; remove .*mine and train again$"):
        run.read_config()


def test_a_config_of_any_bytes_is_refused(run):
    run.config_json.write_bytes(b"\xff\xfe")

    with pytest.raises(WorkspaceError, match=r"config\.json is .*; remove .*mine and train again$"):
        run.read_config()


def test_metrics_are_read_back(run):
    run.write_metrics(METRICS)

    assert run.read_metrics() == METRICS


def test_the_history_is_read_back(run):
    run.write_history(HISTORY)

    assert run.read_history() == HISTORY


def test_the_history_of_a_captioner_is_its_perplexities(run):
    run.write_history([{"epoch": 1, "loss": 3.5, "val": {"perplexity": 20.5}}])

    assert run.read_history(PERPLEXITY)[0]["val"] == {"perplexity": 20.5}
    with pytest.raises(WorkspaceError, match=r"0\.val\.sentence_retrieval is missing; remove .*mine and train again"):
        run.read_history()


def test_a_run_without_metrics_is_refused_with_the_command_that_goes_on(run):
    with pytest.raises(WorkspaceError) as caught:
        run.read_metrics()

    assert str(caught.value).endswith(f"python -m cmr.train --flagfile={run.flags_txt}")


def test_damaged_metrics_are_refused(run):
    run.metrics_json.write_text("{")

    with pytest.raises(WorkspaceError, match=r"metrics\.json is not JSON .*; remove it, and cmr\.train"):
        run.read_metrics()


def test_epochs_are_no_limit_where_every_rate_depends_on_their_number():
    assert "train.max_epochs" in limits.names(CaptionerTrainConfig(decay="none"))
    assert "train.max_epochs" not in limits.names(CaptionerTrainConfig(decay="cosine"))


def test_blocks_of_scores_are_of_the_best_weights_as_they_are(tmp_path):
    run = Run(tmp_path)
    folders = [run.blocks_dir("test")]
    for weights in (b"first", b"second"):
        run.best_weights.write_bytes(weights)
        run.seal_best_weights()
        folders.append(run.blocks_dir("test"))
    for folder in folders:
        folder.mkdir()

    run.remove_blocks()

    assert len(set(folders)) == 3
    assert not any(folder.exists() for folder in folders)


def test_a_runs_writer_removes_what_killed_ones_left_in_each_of_its_folders(tmp_path):
    run = Run(tmp_path)
    places = [
        run.checkpoints_dir,
        run.text_phase.checkpoints_dir,
        run.tensorboard_dir,
        run.teacher_dir("teacher", "12345678"),
        run.tuned_features_dir("vgg_features", "vgg16-fc7"),
    ]
    for place in places:
        (place / ".1.tmp.folder").mkdir(parents=True)
        (place / ".1.tmp.cnn.keras").touch()
        (place / "kept").touch()

    with run.writer():
        pass

    assert [[path.name for path in place.iterdir()] for place in places] == [["kept"]] * len(places)
