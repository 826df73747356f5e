"""Finished runs of any name set against one of them."""

import json
import re

import finished_runs
import pytest
from tiny_runs import run_main

from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments import against
from experiments.ablations.results import Ablations


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, "scenes")


def write(workspace, name, seed=0, factor=1.0, **settings):
    """A finished run whose config.json differs from the others' in the settings."""
    run = Run(workspace.run_dir(name))
    finished_runs.write(run, seed, factor)
    config = json.loads(run.config_json.read_text())
    config["train"].update(settings)
    run.config_json.write_text(json.dumps(config))


def set_against(workspace, *arguments):
    place = f"--workspace_dir={workspace.root}", f"--dataset={workspace.dataset}"
    return run_main(against.main, *place, *arguments, doc=against.__doc__, groups=against.GROUPS)


def comparisons(workspace, stem):
    return Ablations.from_json((workspace.experiments_dir / f"{stem}.json").read_text()).comparisons


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
        (["--baseline=none"], "--baseline=none names no finished run of .*runs; give the name of one"),
        (["--baseline=*"], r"--baseline=\* names runs of several settings \(base, mine\); give those of one"),
        (["--baseline=base", "--runs=b*"], r"--runs=b\* names no finished run of .*runs but the baseline's"),
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


def test_runs_on_other_versions_of_the_sentences_are_refused(workspace):
    write(workspace, "base")
    finished_runs.write(Run(workspace.run_dir("other")), captions="another")

    ended = set_against(workspace, "--baseline=base")

    assert "trained on different versions of captions.csv" in ended.stderr
