"""Rows that a query bank corrects: what can't be corrected is said in a sentence."""

import types

import numpy as np
import pytest
from plain_split import SPLIT

from cmr.errors import ConfigError
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
    result = types.SimpleNamespace(run=Run(workspace.run_dir("row")), metrics_json={"members": names, "notes": []})

    with pytest.raises(ConfigError, match="this system scores pairs"):
        measuring.correct(workspace, RowResult("row", (result,)), "test")

    assert not [*workspace.dataset_dir.rglob("*.json")]
