"""Which finished runs stand together as rows, and which of them can be compared by their validation."""

import types

import finished_runs

from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.trainings import candidates
from experiments.trainings.results import RowResult


def row(name, *numbers):
    """A row of runs that are validated on so many images."""
    metrics = (types.SimpleNamespace(sentence_retrieval=types.SimpleNamespace(num_queries=each)) for each in numbers)
    return RowResult(name, tuple(types.SimpleNamespace(kept_val=each) for each in metrics))


def test_seeds_on_features_of_two_machines_are_one_row(tmp_path):
    workspace = Workspace(tmp_path, "scenes")
    for seed, captions in ((0, "a" * 64), (1, "b" * 64)):
        finished_runs.write(Run(workspace.run_dir(f"fusion-seed{seed}-0123abcd")), seed, captions=captions)

    (found,), left_out = candidates.rows_of(candidates.finished_runs(workspace))

    assert (found.name, len(found.runs), left_out) == ("fusion", 2, [])


def test_rows_that_are_validated_on_a_part_of_the_split_are_left_out():
    rows = [row("vse", 1000), row("m_rnn", 100), row("fusion", 1000, 1000), row("m_cnn_st", 1000, 200)]

    assert [each.name for each in candidates.of_whole_split(rows)] == ["vse", "fusion"]


def test_without_rows_there_are_none():
    assert candidates.of_whole_split([]) == []
