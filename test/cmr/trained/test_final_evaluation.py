"""The end of a run: metrics.json and test_ranks.npz are of the test split, measured here a second way."""

import math
import statistics
import subprocess

import numpy as np
import pandas as pd
import pytest
import tiny_runs

from cmr.retrieval import kept_model
from cmr.trained import final_evaluation
from cmr.workspace.vocabulary import Vocabulary

FEATURES = {"vgg_features": "scene_cnn-objects", "image_features": "scene_cnn-layout"}


@pytest.fixture(scope="module")
def run(scenes_workspace):
    """The finished run of the fusion model."""
    return tiny_runs.trained_run(scenes_workspace, "fusion")[0]


@pytest.fixture(scope="module")
def rows_of_test(scenes_workspace):
    """Rows of captions.csv that are of the test split."""
    frame = pd.read_csv(scenes_workspace.captions_csv, dtype=str)
    return frame[frame["split"] == "test"]


@pytest.fixture(scope="module")
def embeddings(scenes_workspace, run, rows_of_test):
    """Embeddings by the run's best weights: of each test image by its id, and of each test sentence in order."""
    words = Vocabulary.read(scenes_workspace.vocabulary_txt)
    model = kept_model.best_model(run, run.read_config(), words)
    images = {}
    for image_id in rows_of_test["image_id"].unique():
        rows = {}
        for key, name in FEATURES.items():
            folder = scenes_workspace.features_dir(name)
            row = (folder / "image_ids.txt").read_text().split("\n").index(image_id)
            rows[key] = np.load(folder / "features.npy")[[row]]
        images[image_id] = model.get_layer("image_encoder")(rows, training=False).numpy()[0]
    encoder = model.get_layer("text_encoder")
    sentences = [encoder(np.array([words.encode(text)]), training=False).numpy()[0] for text in rows_of_test["caption"]]
    return images, np.array(sentences)


@pytest.fixture(scope="module")
def ranks(embeddings, rows_of_test):
    """Ranks of every query in both directions: pair by pair, sentences of the same words being level."""
    images, sentences = embeddings
    owners = list(rows_of_test["image_id"])

    def rank(similarities, is_correct):
        best = max(value for value, correct in zip(similarities, is_correct, strict=True) if correct)
        wrong = [value for value, correct in zip(similarities, is_correct, strict=True) if not correct]
        return 1 + sum(value > best - 1e-6 for value in wrong)

    return {
        "sentence_retrieval": [
            rank([image @ sentence for sentence in sentences], [owner == image_id for owner in owners])
            for image_id, image in images.items()
        ],
        "image_retrieval": [
            rank([image @ sentence for image in images.values()], [owner == image_id for image_id in images])
            for sentence, owner in zip(sentences, owners, strict=True)
        ],
    }


def test_metrics_json_holds_the_recalls_and_ranks_of_the_test_split(run, ranks):
    measured = tiny_runs.read_json(run.metrics_json)["test"]

    for direction, queries in ranks.items():
        expected = {
            **{f"recall_at_{k}": 100 * sum(rank <= k for rank in queries) / len(queries) for k in (1, 5, 10)},
            "median_rank": math.floor(statistics.median(rank - 1 for rank in queries)) + 1,
            "mean_rank": statistics.fmean(queries),
            "num_queries": len(queries),
        }
        assert measured[direction] == pytest.approx(expected), direction


def test_the_kept_ranks_are_those_of_the_test_queries(run, ranks):
    with np.load(run.test_ranks_npz) as kept:
        for direction, queries in ranks.items():
            assert kept[direction].tolist() == queries


def test_a_random_ranking_is_of_the_test_images_and_their_sentences(run, rows_of_test):
    chance = tiny_runs.read_json(run.metrics_json)["random_ranking"]

    num_sentences, num_images = len(rows_of_test), rows_of_test["image_id"].nunique()
    # Where the first of an image's k sentences stands in a random order of n, on average (n + 1) / (k + 1).
    firsts = [(num_sentences + 1) / (own + 1) for own in rows_of_test["image_id"].value_counts()]
    assert chance["sentence_retrieval"]["mean_rank"] == pytest.approx(np.mean(firsts))
    assert chance["image_retrieval"]["mean_rank"] == pytest.approx((num_images + 1) / 2)
    assert chance["image_retrieval"]["recall_at_5"] == pytest.approx(100 * 5 / num_images)


def test_a_package_under_another_name_does_not_lose_the_numbers(scenes_workspace, run, monkeypatch):
    from cmr.data import inputs

    monkeypatch.setattr(final_evaluation, "_PACKAGES", ("numpy", "tensorflow_of_a_vendor"))
    read = inputs.read_inputs(scenes_workspace, "scene_cnn-objects", "scene_cnn-layout")

    packages = final_evaluation.provenance(run.read_config(), read, "")["packages"]

    assert packages == {"numpy": np.__version__}


@pytest.mark.parametrize("is_tracked", [True, False])
def test_the_commit_is_of_the_checkout_that_holds_the_source(tmp_path, monkeypatch, is_tracked):
    source = tmp_path / "somebodys_project" / "venv" / "cmr" / "module.py"
    source.parent.mkdir(parents=True)
    source.touch()
    git = "git", "-C", str(tmp_path / "somebodys_project"), "-c", "user.name=A", "-c", "user.email=a@b"
    subprocess.run([*git, "init", "-q"], check=True)
    if is_tracked:
        subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    monkeypatch.setattr(final_evaluation, "__file__", str(source))

    assert (final_evaluation.git_commit() is not None) == is_tracked
