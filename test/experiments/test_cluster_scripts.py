"""The scripts for SLURM and for machines named by hand, with programs of the same names in the place of theirs."""

import json
import os
import subprocess

import pytest
from commands import ROOT

from cmr.training.cluster import Cluster

# Writes what it was told as a line of its own, and fails as often as FAIL says.
PYTHON = """#!/bin/bash
echo "$TF_CONFIG" >> "$TOLD/$SLURM_PROCID.json"
printf '%s\\n' "$*" >> "$TOLD/arguments.txt"
[ "$(wc -l < "$TOLD/$SLURM_PROCID.json")" -gt "$FAIL" ]
"""

SRUN = """#!/bin/bash
while [[ "$1" == --* ]]; do shift; done
failed=0
for ((task = 0; task < SLURM_NTASKS; task++)); do SLURM_PROCID=$task "$@" || failed=1; done
exit $failed
"""

# What `scontrol show hostnames node[1-3]` prints.
SCONTROL = """#!/bin/bash
[ "$*" = "show hostnames node[9-11]" ] && printf 'node9\\nnode10\\nnode11\\n'
"""


@pytest.fixture
def programs(tmp_path):
    """An environment in which python, srun and scontrol are small programs of the test."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, text in {"python": PYTHON, "srun": SRUN, "scontrol": SCONTROL}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TOLD": str(tmp_path), "FAIL": "0"}


def run_script(name, arguments, environment):
    script = ROOT / "experiments" / "cluster" / name
    return subprocess.run(["bash", script, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def clusters(folder, monkeypatch, count):
    """What each process was told last, as cmr.train reads it."""
    read = []
    for number in range(count):
        monkeypatch.setenv("TF_CONFIG", (folder / f"{number}.json").read_text().splitlines()[-1])
        read.append(Cluster.from_environment())
    return read


@pytest.mark.parametrize(
    ("tasks_a_node", "addresses"),
    [
        (1, ["node9:34567", "node10:34567", "node11:34567"]),
        (2, [f"{node}:{port}" for node in ("node9", "node10", "node11") for port in (34567, 34568)]),
    ],
)
def test_a_job_of_slurm_names_its_machines_in_the_order_of_its_ranks(
    programs, tmp_path, monkeypatch, tasks_a_node, addresses
):
    of_slurm = {"SLURM_JOB_NODELIST": "node[9-11]", "SLURM_NTASKS_PER_NODE": str(tasks_a_node)}

    ended = run_script(
        "slurm.sbatch", ["--model=vse", "--run_name=a b"], {**programs, **of_slurm, "SLURM_NTASKS": str(len(addresses))}
    )

    assert ended.returncode == 0, ended.stderr
    names = {f"worker {number}": address for number, address in enumerate(addresses)}
    assert clusters(tmp_path, monkeypatch, len(addresses)) == [Cluster(names, own) for own in names]
    arguments = (tmp_path / "arguments.txt").read_text().splitlines()
    assert set(arguments) == {"-m cmr.train --strategy=multi_worker --model=vse --run_name=a b"}


def test_a_job_that_fails_is_begun_again(programs, tmp_path):
    of_slurm = {"SLURM_JOB_NODELIST": "node[9-11]", "SLURM_NTASKS": "3"}

    ended = run_script("slurm.sbatch", ["--model=vse"], {**programs, **of_slurm, "FAIL": "2"})

    assert ended.returncode == 0
    assert ended.stderr.splitlines() == ["attempt 1 ended with an error", "attempt 2 ended with an error"]
    assert len((tmp_path / "2.json").read_text().splitlines()) == 3


def test_machines_that_are_named_by_hand_are_told_who_they_are(programs, tmp_path):
    ended = run_script("machines.sh", ["1", "ada:1,bob:2", "--model=vse"], {**programs, "SLURM_PROCID": "1"})

    assert ended.returncode == 0, ended.stderr
    told = json.loads((tmp_path / "1.json").read_text())
    assert told == {"cluster": {"worker": ["ada:1", "bob:2"]}, "task": {"type": "worker", "index": 1}}


def test_an_attempt_too_many_is_an_error(programs):
    ended = run_script(
        "machines.sh", ["0", "ada:1,bob:2"], {**programs, "SLURM_PROCID": "0", "FAIL": "9", "ATTEMPTS": "2"}
    )

    assert ended.returncode == 1
    assert ended.stderr.count("ended with an error") == 2
