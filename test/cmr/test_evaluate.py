"""cmr.evaluate: the very table again, or one line that says what has changed."""

import hashlib
import re
import shutil

import h5py
import numpy as np
import pytest
import tiny_runs
from commands import run_command

from cmr import config
from cmr.workspace import features
from cmr.workspace.runs import Run
from cmr.workspace.vocabulary import Vocabulary


def evaluate(run):
    return tiny_runs.call_command("cmr.evaluate", f"--run_dir={run.path}")


@pytest.fixture
def copied(scenes_workspace, tmp_path):
    """A finished run in a workspace of its own, to be damaged."""
    run, _ = tiny_runs.trained_run(scenes_workspace, "vse")
    shutil.copytree(scenes_workspace.root, tmp_path / "workspace")
    return Run(tmp_path / "workspace" / run.path.relative_to(scenes_workspace.root))


@pytest.mark.parametrize("model", config.MODELS)
def test_the_table_is_the_one_that_training_printed(scenes_workspace, model):
    run, trained = tiny_runs.trained_run(scenes_workspace, model)

    ended = run_command("cmr.evaluate", f"--run_dir={run.path}") if model == "fusion" else evaluate(run)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{model} on scenes")
    assert f"\n\n{ended.stdout}\nTensorBoard: " in trained.stdout


@pytest.mark.parametrize("bank", ["train", "test"])
def test_scores_corrected_by_a_query_bank_say_so(scenes_workspace, bank):
    run, _ = tiny_runs.trained_run(scenes_workspace, "vse")

    ended = tiny_runs.call_command("cmr.evaluate", f"--run_dir={run.path}", f"--query_bank={bank}")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Scores are corrected by a query bank" in ended.stdout
    assert ("not to be compared" in " ".join(ended.stdout.split())) == (bank == "test")
    row = re.compile(r"^vse \(measured here\)(.*)$", re.MULTILINE)
    assert row.findall(ended.stdout) != row.findall(evaluate(run).stdout)


def test_a_workspace_may_be_moved_with_its_runs(scenes_workspace, copied):
    trained, _ = tiny_runs.trained_run(scenes_workspace, "vse")

    assert evaluate(copied) == evaluate(trained)


def test_a_run_of_an_older_version_without_a_sum_of_its_weights_is_read(copied, scenes_workspace):
    trained, _ = tiny_runs.trained_run(scenes_workspace, "vse")
    copied.best_sha256.unlink()

    assert evaluate(copied) == evaluate(trained)


def test_the_sum_of_the_weights_is_as_sha256sum_reads_it(copied):
    digest = hashlib.sha256(copied.best_weights.read_bytes()).hexdigest()

    assert copied.best_sha256.read_text() == f"{digest}  best.weights.h5\n"


def test_evaluation_writes_nothing(copied):
    root = copied.path.parents[2]
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}

    evaluate(copied)

    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def change_features(run):
    path = run.path.parents[1] / "features" / "scene_cnn-objects" / features.FEATURES_NPY
    np.save(path, np.load(path) + 1)


def round_features(run):
    """As another machine's CNN would have them."""
    path = run.path.parents[1] / "features" / "scene_cnn-objects" / features.FEATURES_NPY
    np.save(path, np.load(path) * np.float32(1.000001))


def flip_weights(run):
    """Changes one byte of a weight: HDF5 reads on."""
    content = bytearray(run.best_weights.read_bytes())
    content[len(content) // 2] ^= 1
    run.best_weights.write_bytes(content)


def break_weights(run):
    """As a run of an older version, which has no sum."""
    run.best_sha256.unlink()
    with h5py.File(run.best_weights, "r+") as file:
        arrays = []
        file.visititems(lambda _, item: arrays.append(item) if isinstance(item, h5py.Dataset) else None)
        arrays[0][...] = np.nan


def change_vocabulary(run):
    path = run.path.parents[1] / "vocabulary.txt"
    vocabulary = Vocabulary.read(path)
    Vocabulary((*vocabulary.words, "zebra"), (*vocabulary.counts, 1)).write(path)


def change_captions(run):
    path = run.path.parents[1] / "captions.csv"
    path.write_text(path.read_text().replace("dog", "cat"))


def cut(path):
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda run: shutil.rmtree(run.path), "holds no run (config.json is missing)"),
        (lambda run: run.metrics_json.unlink(), "is not finished (metrics.json is missing)"),
        (lambda run: cut(run.metrics_json), "metrics.json is not JSON"),
        (lambda run: cut(run.config_json), "config.json is not JSON"),
        (lambda run: run.config_json.write_text("[]"), "config.json is damaged or of another version"),
        (lambda run: run.best_weights.unlink(), "best.weights.h5 is missing or damaged; remove"),
        (lambda run: cut(run.best_weights), "best.weights.h5 is missing or damaged; remove"),
        (flip_weights, "best.weights.h5 is missing or damaged; remove"),
        (break_weights, "best.weights.h5 holds NaN or infinite weights; remove"),
        (change_features, "another scene_cnn-objects than when"),
        (change_vocabulary, "another vocabulary than when"),
        (change_captions, "another captions.csv than when"),
    ],
)
def test_what_is_not_as_training_left_it_is_one_line(copied, damage, sentence):
    damage(copied)

    ended = evaluate(copied)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(r"error: .*\n", ended.stderr)
    assert sentence in ended.stderr


def test_features_that_another_machine_extracted_are_as_good(copied, scenes_workspace):
    trained, _ = tiny_runs.trained_run(scenes_workspace, "vse")
    round_features(copied)

    assert evaluate(copied) == evaluate(trained)


def test_a_run_of_an_older_version_takes_the_same_features_to_the_last_bit(copied):
    metrics = tiny_runs.read_json(copied.metrics_json)
    del metrics["fingerprints"]
    copied.write_metrics(metrics)
    assert evaluate(copied).returncode == 0

    round_features(copied)

    assert "another scene_cnn-objects than when" in evaluate(copied).stderr


def test_a_run_of_tensorflow_datasets_lies_in_a_folder_of_another_name(copied):
    folder = copied.path.parents[1].rename(copied.path.parents[2] / "tfds-scenes")
    run = Run(folder / "runs" / copied.path.name)
    run.config_json.write_text(run.config_json.read_text().replace('"dataset": "scenes"', '"dataset": "tfds:scenes"'))

    ended = evaluate(run)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("vse on tfds:scenes")


def test_a_run_moved_out_of_its_workspace_is_one_line(copied, tmp_path):
    moved = Run(copied.path.rename(tmp_path / "moved"))

    ended = evaluate(moved)

    assert ended == tiny_runs.Ended(
        1,
        "",
        f"error: {moved.path} is not where cmr.train writes a run, below its data set in scenes/runs; move it back\n",
    )
