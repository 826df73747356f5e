"""The examples in the docstrings of the public names run as they stand."""

import doctest
import pathlib

import numpy as np
import pytest
import tiny_runs
import written_galleries

import cmr
from cmr.workspace.paths import Workspace


@pytest.fixture
def in_a_folder_of_examples(scenes_workspace, tmp_path, monkeypatch):
    """The working folder has the run and the gallery that the examples open."""
    run, _ = tiny_runs.trained_run(scenes_workspace, "fusion")
    path = Workspace(tmp_path / "workspace", "scenes").run_dir("fusion-1a2b3c4d")
    path.parent.mkdir(parents=True)
    path.symlink_to(run.path, target_is_directory=True)
    (tmp_path / "Pictures").mkdir()
    written_galleries.write(tmp_path / "Pictures", np.eye(2, dtype=np.float32)).close()
    monkeypatch.chdir(tmp_path)
    # A test may have imported the command cmr.evaluate over the function.
    monkeypatch.delitem(vars(cmr), "evaluate", raising=False)


@pytest.mark.parametrize("name", cmr.__all__)
def test_the_example_of_a_public_name_runs(name, in_a_folder_of_examples):
    public = getattr(cmr, name)
    example = doctest.DocTestParser().get_doctest(public.__doc__, {"cmr": cmr, "np": np}, name, None, None)
    printed = []

    outcome = doctest.DocTestRunner().run(example, out=printed.append)

    assert outcome.attempted > 0
    assert outcome.failed == 0, "".join(printed)


@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_a_run_opens_by_its_path_as_text_or_path(scenes_workspace, kind):
    run, _ = tiny_runs.trained_run(scenes_workspace, "fusion")

    assert cmr.open_run(kind(run.path)).run == run
