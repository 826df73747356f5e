"""One experiment at a time in a data set's folder."""

import pytest

from cmr.cli.flagfiles import find_flagfile
from cmr.errors import WorkspaceError
from cmr.workspace.paths import Workspace
from experiments.trainings import lock, plan
from experiments.trainings.preparation import Sources
from experiments.trainings.training import Training


def test_a_second_experiment_is_refused_in_one_sentence_until_the_first_ends(tmp_path):
    workspace = Workspace(tmp_path, "scenes")
    training = Training("fusion", (find_flagfile("scenes/fusion"),))

    with (
        lock.only_experiment(workspace),
        pytest.raises(WorkspaceError, match=r"another experiment is at work in .*scenes; wait until it ends"),
    ):
        plan.carry_out([training], tmp_path, Sources())

    with lock.only_experiment(workspace):
        pass


def test_another_data_set_of_the_workspace_is_not_kept_out(tmp_path):
    with lock.only_experiment(Workspace(tmp_path, "scenes")), lock.only_experiment(Workspace(tmp_path, "flickr8k")):
        pass
