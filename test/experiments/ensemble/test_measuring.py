"""Rows that a query bank corrects: what can't be corrected is said in a sentence."""

import types

import numpy as np
import pytest
from plain_split import SPLIT

from cmr.errors import ConfigError
from cmr.evaluation.encoding import Embeddings
from cmr.evaluation.similarities import PairScores
from cmr.trained import finished_run
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.ensemble import measuring
from experiments.trainings.results import RowResult


@pytest.mark.parametrize("names", [["nic"], ["nic", "m_rnn"]])
def test_members_that_score_pairs_are_refused(tmp_path, monkeypatch, names):
    opened = types.SimpleNamespace(
        inputs=types.SimpleNamespace(split=lambda name: SPLIT, test_folds=1),
        similarities=lambda split: PairScores((np.eye(12, 36, dtype=np.float32),)),
    )
    monkeypatch.setattr(finished_run, "open_run", lambda path: opened)
    workspace = Workspace(tmp_path, "scenes")
    for name in names:
        Run(workspace.run_dir(name)).write_metrics({})
    result = types.SimpleNamespace(run=Run(workspace.run_dir("row")), metrics_json={"members": names, "notes": []})

    with pytest.raises(ConfigError, match="this system scores pairs"):
        measuring.correct(workspace, RowResult("row", (result,)), "test")

    assert {path.name for path in workspace.run_dir("").iterdir()} == set(names)


def test_runs_that_are_measured_on_other_images_are_named(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path, "scenes")
    splits = {"cca": SPLIT, "nic": SPLIT.first_images(5)}

    def opened(path):
        inputs = types.SimpleNamespace(split=lambda name: splits[path.name], test_folds=1)
        said = Embeddings(np.eye(12, dtype=np.float32), np.eye(36, 12, dtype=np.float32))
        return types.SimpleNamespace(run=Run(path), inputs=inputs, similarities=lambda split: said)

    monkeypatch.setattr(finished_run, "open_run", opened)
    candidates = [types.SimpleNamespace(run=Run(workspace.run_dir(name))) for name in splits]

    with pytest.raises(ConfigError, match="nic is measured on 5 val images and cca on 12; leave one of them out"):
        measuring.select_and_measure(workspace, candidates, 2)
