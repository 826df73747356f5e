"""The queue trains what is missing, once, and goes on where it was; cmr.train is a script of a few lines here."""

import pathlib

import pytest

from cmr.cli.flagfiles import find_flagfile
from cmr.errors import CmrError
from experiments.trainings import queue
from experiments.trainings.training import Training, with_seeds

FAKE = """
import pathlib, sys
sys.path.insert(0, {root!r})
import numpy as np
from cmr.evaluation.query_ranks import QueryRanks
given = dict(argument[2:].partition("=")[::2] for argument in sys.argv[1:])
with open({record!r}, "a") as record:
    record.write(given["run_name"] + "\\n")
if given.get("margin") == "1.7":
    print("loading")
    print("error: margin must be smaller")
    sys.exit(1)
run = pathlib.Path(given["workspace_dir"]) / "scenes" / "runs" / given["run_name"]
run.mkdir(parents=True)
QueryRanks(np.array([1]), np.array([1]), np.array([0])).write(run / "test_ranks.npz")
(run / "metrics.json").write_text("{{}}")
"""


@pytest.fixture
def record(tmp_path, monkeypatch) -> pathlib.Path:
    """A file with the name of each run that was started."""
    path = tmp_path / "started.txt"
    path.touch()
    root = str(pathlib.Path(queue.__file__).parents[1])
    (tmp_path / "fake_train.py").write_text(FAKE.format(root=root, record=str(path)))
    monkeypatch.setattr(Training, "command", "fake_train")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return path


def row(*flags):
    return Training("vse_paper", (find_flagfile("scenes/vse_paper"),), flags)


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_is_trained_once(record, tmp_path, jobs):
    wanted = [*with_seeds(row(), 3), row()]

    queue.train(wanted, tmp_path, jobs)

    assert sorted(record.read_text().split()) == sorted({training.run_name for training in wanted})
    assert queue.unfinished(wanted, tmp_path) == []


def test_what_adds_up_others_scores_comes_last(record, tmp_path):
    together = Training("m_cnn_ens", (find_flagfile("comparators/scenes/m_cnn_ens"),))

    queue.train([together, row()], tmp_path)

    assert record.read_text().split() == [row().run_name, together.run_name]


def test_an_earlier_attempts_error_is_not_said_again(record, tmp_path):
    again = row("--margin=1.7")
    log = queue.log_path(again, tmp_path)
    log.parent.mkdir(parents=True)
    log.write_text("=== training before\nerror: the loss is nan\n")
    pathlib.Path(tmp_path / "fake_train.py").write_text("import sys; sys.exit(7)")

    with pytest.raises(CmrError, match="ended with exit code 7") as failed:
        queue.train([again], tmp_path)

    assert "nan" not in str(failed.value)


def test_finished_runs_are_kept(record, tmp_path, capsys):
    queue.train([row()], tmp_path)
    record.write_text("")

    queue.train([row(), row("--margin=0.3")], tmp_path)

    assert record.read_text().split() == [row("--margin=0.3").run_name]
    assert "2 trainings, 1 of them to do" in capsys.readouterr().out


def test_a_run_without_its_ranks_is_not_finished(record, tmp_path):
    queue.train([row()], tmp_path)
    row().run(tmp_path).test_ranks_npz.unlink()

    assert queue.unfinished([row()], tmp_path) == [row()]


def test_a_failure_is_one_sentence_with_what_the_command_said(record, tmp_path):
    with pytest.raises(CmrError, match=r"ended with exit code 1: margin must be smaller \(its log: .*\.log\)"):
        queue.train([row("--margin=1.7")], tmp_path)


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_fails_keeps_no_other_from_being_trained(record, tmp_path, capsys, jobs):
    failing = [*with_seeds(row("--margin=1.7"), 2)]
    others = [*with_seeds(row(), 2)]

    with pytest.raises(CmrError) as failed:
        queue.train([failing[0], others[0], failing[1], others[1]], tmp_path, jobs)

    assert queue.unfinished([*failing, *others], tmp_path) == failing
    assert all(queue.log_path(each, tmp_path).name in str(failed.value) for each in failing)
    assert str(failed.value).endswith("the other 2 of 4 trainings are finished and kept")
    said = capsys.readouterr().out
    assert "margin must be smaller" in said
    assert "2 of 4 done, 2 failed, in " in said
