"""Finished runs of any name set against one of them."""

import json
import re

import finished_runs
import numpy as np
import pytest
from tiny_runs import run_main

from cmr.evaluation.query_ranks import QueryRanks
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.against import __main__ as against
from experiments.comparisons.results import Comparisons


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, "scenes")


def write(workspace, name, seed=0, factor=1.0, captions="checksum", **settings):
    """A finished run whose config.json differs from the others' in the settings."""
    run = Run(workspace.run_dir(name))
    finished_runs.write(run, seed, factor, captions)
    config = json.loads(run.config_json.read_text())
    config["train"].update(settings)
    run.config_json.write_text(json.dumps(config))


def set_against(workspace, *arguments):
    place = f"--workspace_dir={workspace.root}", f"--dataset={workspace.dataset}"
    return run_main(against.main, *place, *arguments, doc=against.__doc__, groups=against.GROUPS)


def comparisons(workspace, stem):
    return Comparisons.from_json((workspace.experiments_dir / f"{stem}.json").read_text()).comparisons


def test_each_row_says_what_it_changes_and_what_came_of_it(workspace):
    write(workspace, "fusion-0123abcd")
    write(workspace, "mine", factor=0.3, margin=0.2)

    ended = set_against(workspace, "--baseline=fusion-*", "--runs=mine")

    assert ended.returncode == 0, ended.stderr
    baseline, mine = comparisons(workspace, "against-fusion-0123abcd")
    assert (baseline.name, baseline.differences) == ("fusion-0123abcd", {})
    assert mine.description == "train.margin 0.7 → 0.2; 1 run."
    assert mine.differences["sum_of_recalls"].low > 0
    assert "train.margin 0.7 → 0.2" in ended.stdout


def test_runs_that_differ_in_their_seed_are_one_row_whatever_their_names(workspace):
    for seed, name in enumerate(["a", "b", "fusion-seed2-0123abcd"]):
        write(workspace, name, seed)
    for seed, name in enumerate(["fusion-seed0-89abcdef", "fusion-seed1-01234567"]):
        write(workspace, name, seed, num_negatives=9)

    ended = set_against(workspace, "--baseline=a,b,*abcd")

    assert ended.returncode == 0, ended.stderr
    said = [(each.name, each.description) for each in comparisons(workspace, "against-a")]
    assert said == [("a", "The baseline, 3 runs."), ("fusion", "train.num_negatives 0 → 9; 2 runs.")]


def test_rows_of_one_name_are_told_apart(workspace):
    write(workspace, "base")
    for number in (1, 2):
        write(workspace, f"fusion-seed0-0000000{number}", num_negatives=number)

    set_against(workspace, "--baseline=base")

    names = [each.name for each in comparisons(workspace, "against-base")]
    assert names == ["base", "fusion-seed0-00000001", "fusion-seed0-00000002"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline=none"], "--baseline: none names no finished run of cmr.train or cmr.compare in .*runs"),
        (["--baseline=base", "--runs=mine,typo-*"], r"--runs: typo-\* names no finished run"),
        (["--baseline=*"], r"--baseline=\* names runs of several settings \(base, mine\); give those of one"),
        (["--baseline=base", "--runs=b*"], r"--runs=b\* leaves nothing to set against base; train a run"),
        ([], "--baseline is missing"),
    ],
)
def test_what_can_not_be_compared_is_one_sentence(workspace, arguments, message):
    write(workspace, "base")
    write(workspace, "mine", margin=0.2)
    write(workspace, "unfinished", margin=0.3)
    Run(workspace.run_dir("unfinished")).metrics_json.unlink()

    ended = set_against(workspace, *arguments)

    assert ended.returncode == 1
    assert re.search(message, ended.stderr)


def left_out(workspace, ended, run, reason):
    """Whether a run is left out, for that reason, where another one is compared."""
    assert ended.returncode == 0, ended.stderr
    assert [each.name for each in comparisons(workspace, "against-base")] == ["base", "mine"]
    return f"{run} is left out: {reason}" in ended.stdout


def test_a_row_that_was_trained_on_other_sentences_is_left_out(workspace):
    write(workspace, "base")
    write(workspace, "mine", margin=0.2)
    write(workspace, "other", captions="another", margin=0.3)

    ended = set_against(workspace, "--baseline=base")

    assert left_out(workspace, ended, "other", "it was trained on another version of captions.csv.")


@pytest.mark.parametrize("file", ["config.json", "test_ranks.npz"])
def test_a_run_that_can_not_be_read_is_left_out(workspace, file):
    write(workspace, "base")
    write(workspace, "mine", margin=0.2)
    write(workspace, "torn", margin=0.3)
    (workspace.run_dir("torn") / file).write_text("{")

    ended = set_against(workspace, "--baseline=base")

    assert left_out(workspace, ended, "torn", f"{workspace.run_dir('torn')}/{file}")


def test_a_baseline_that_can_not_be_read_is_one_sentence(workspace):
    write(workspace, "base")
    write(workspace, "mine", margin=0.2)
    Run(workspace.run_dir("base")).config_json.write_text("{")

    ended = set_against(workspace, "--baseline=base")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "--baseline=base: base is left out: " in ended.stderr


def test_a_run_that_is_called_as_the_baselines_row_is_told_from_it(workspace):
    write(workspace, "fusion-seed0-01234567")
    write(workspace, "fusion", margin=0.2)

    ended = set_against(workspace, "--baseline=fusion-seed0-*", "--runs=fusion")

    assert ended.returncode == 0, ended.stderr
    names = [each.name for each in comparisons(workspace, "against-fusion-seed0-01234567")]
    assert names == ["fusion-seed0-01234567", "fusion"]


def test_runs_are_named_as_tables_name_their_rows_too(workspace):
    write(workspace, "fusion-seed0-01234567")
    write(workspace, "fusion-seed1-01234567", 1)
    write(workspace, "fusion_repository-seed0-01234567", margin=0.2)
    write(workspace, "vse-seed0-01234567", margin=0.3)

    ended = set_against(workspace, "--baseline=fusion", "--runs=fusion_repository")

    assert ended.returncode == 0, ended.stderr
    said = [(each.name, each.description) for each in comparisons(workspace, "against-fusion")]
    assert said == [("fusion", "The baseline, 2 runs."), ("fusion_repository", "train.margin 0.7 → 0.2; 1 run.")]


def test_the_baseline_is_what_its_flag_names_and_nothing_else(workspace):
    for seed in (0, 1):
        write(workspace, f"fusion-seed{seed}-01234567", seed)
    write(workspace, "mine", margin=0.2)

    ended = set_against(workspace, "--baseline=fusion-seed0-*")

    assert ended.returncode == 0, ended.stderr
    assert comparisons(workspace, "against-fusion")[0].description == "The baseline, 1 run."
    assert "fusion-seed1-01234567 is left out: it has the baseline's settings." in ended.stdout


def test_one_of_several_runs_of_a_seed_counts(workspace):
    write(workspace, "base")
    write(workspace, "a", margin=0.2)
    write(workspace, "b", margin=0.2)
    write(workspace, "c", 1, margin=0.2)

    ended = set_against(workspace, "--baseline=base")

    assert [each.description for each in comparisons(workspace, "against-base")][1:] == [
        "train.margin 0.7 → 0.2; 2 runs."
    ]
    assert "b is left out: it has settings and seed of a." in ended.stdout


def test_a_row_that_was_measured_on_other_images_is_left_out(workspace):
    write(workspace, "base")
    write(workspace, "mine", margin=0.2)
    write(workspace, "small", margin=0.3)
    run = Run(workspace.run_dir("small"))
    QueryRanks(np.ones(2, int), np.ones(3, int), np.array([0, 0, 1])).write(run.test_ranks_npz)

    ended = set_against(workspace, "--baseline=base")

    assert left_out(workspace, ended, "small", "it was measured on other test images.")


def test_a_row_that_was_validated_on_fewer_images_has_no_validation_sum(workspace):
    write(workspace, "base")
    write(workspace, "mine", margin=0.2)
    run = Run(workspace.run_dir("mine"))
    history = run.read_history()
    for entry in history:
        entry["val"]["sentence_retrieval"]["num_queries"] = 10
    run.history_json.write_text(json.dumps(history))

    ended = set_against(workspace, "--baseline=base")

    base, mine = comparisons(workspace, "against-base")
    assert (base.validation_sum is None, mine.validation_sum) == (False, None)
    assert "validated on fewer images" in ended.stdout


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"text_space": "random, seed 1"}, "text_space linear → random; 1 run."),
        ({"text_space": "linear", "captioner": "there"}, "captioner none → there; 1 run."),
        (
            {"vgg_features": "x" * 3, "image_features": "a" * 64},
            "image_features layout → aaaaaaaa, vgg_features objects → xxx; 1 run.",
        ),
    ],
)
def test_a_change_is_said_without_seeds_and_with_the_beginning_of_checksums(workspace, settings, said):
    write(workspace, "base")
    write(workspace, "mine")
    run = Run(workspace.run_dir("mine"))
    run.config_json.write_text(json.dumps({**json.loads(run.config_json.read_text()), **settings}))

    ended = set_against(workspace, "--baseline=base")

    assert ended.returncode == 0, ended.stderr
    assert comparisons(workspace, "against-base")[1].description == said
