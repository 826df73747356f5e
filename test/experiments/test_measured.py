"""The finished runs that come with the experiments: whole, of today's flags, and without anybody's folders."""

import json
import zipfile

import pytest
from commands import ROOT
from tiny_runs import run_main

from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.query_ranks import QueryRanks
from cmr.workspace.runs import Run
from experiments import reproduce
from experiments.ablations import __main__ as ablations
from experiments.claims import __main__ as claims

ARCHIVES = sorted((ROOT / "experiments" / "measured").glob("*.zip"))
ARCHIVE = ROOT / "experiments" / "measured" / "flickr8k.zip"
STAND_INS, BFLOAT16, LAPTOP = "--overlay=stand_ins", "--overlay=bfloat16", "--overlay=laptop"


@pytest.fixture(scope="module")
def workspace_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder / "flickr8k" / "runs")
    return folder


def printed(command, workspace_dir, *arguments) -> str:
    ended = run_main(
        command.main, f"--workspace_dir={workspace_dir}", *arguments, doc=command.__doc__, groups=command.GROUPS
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.stem)
def test_the_metrics_of_each_are_those_of_its_ranks(path, tmp_path):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    runs = [Run(folder) for folder in sorted(tmp_path.iterdir())]

    assert runs
    for run in runs:
        kept = BothDirections.from_dict(run.read_metrics()["test"])
        counted = QueryRanks.read(run.test_ranks_npz).metrics()
        assert counted.to_dict() == kept.to_dict(), run.path
        assert run.read_measured_config().dataset == "flickr8k"
        assert run.read_history()


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.stem)
def test_none_names_a_folder_of_the_machine_that_made_it(path):
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith((".json", ".txt")):
                text = archive.read(name).decode()
                paths = json.loads(text)["flags"] if name.endswith("metrics.json") else text.splitlines()
                assert not [line for line in paths if "=/" in line], name


def test_the_commands_of_today_print_their_tables_from_them(workspace_dir):
    rows = "--rows=single,vse_plus_plus,fusion_repository"
    table = printed(reproduce, workspace_dir, "--table=1", STAND_INS, BFLOAT16, "--seeds=1", rows)
    compared = printed(claims, workspace_dir, "--table=1", STAND_INS, BFLOAT16)
    row = "--row=flickr8k/fusion"
    changed = printed(ablations, workspace_dir, row, STAND_INS, LAPTOP, "--seeds=3")

    assert "3 trainings, 0 of them to do" in table
    assert "*fusion_repository less*" in compared
    assert "45 trainings, 0 of them to do" in changed
