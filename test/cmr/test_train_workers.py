"""cmr.train in several worker processes: the losses of one, going on after a loss, and what ends all of them."""

import pathlib
import re
import shutil

import numpy as np
import pytest
from forked_workers import Fault, run_workers
from tiny_runs import call_command, place, read_json
from tiny_workspaces import without_runs

from cmr.workspace import captions
from cmr.workspace.features import FEATURES_NPY
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run

# 9 steps an epoch, so that a state is saved at steps 4 and 8 of each.
SETTINGS = (
    "--model=vse",
    "--text_levels=words",
    "--word_dim=6",
    "--gru_units=8",
    "--batch_size=16",
    "--max_epochs=2",
    "--learning_rate=0.03",
    "--checkpoint_steps=4",
    "--run_name=run",
)
NO_DROPOUT = "--dropout=0"

# The sum of a loss over parts of a batch is rounded otherwise than over the whole.
LOSS_RTOL = 1e-4


@pytest.fixture
def disks(scenes_workspace, tmp_path):
    """Four machines' copies of the tiny workspace."""
    return [without_runs(scenes_workspace, tmp_path / f"disk{number}") for number in range(4)]


def flags(disks, *others):
    """The flags of one worker for each disk."""
    return [[*place(disk), *SETTINGS, *others] for disk in disks]


def run_of(disk):
    return Run(disk.run_dir("run"))


def losses(disk):
    return [row["loss"] for row in read_json(run_of(disk).history_json)]


def check_one_sentence(worker, *parts):
    """The worker ended with exit code 1 and one line that holds the parts."""
    assert worker.code == 1, worker.output
    assert "Traceback" not in worker.output
    assert re.match("error: .*", worker.last_line), worker.output
    for part in parts:
        assert part in worker.last_line


def check_nothing_half_written(folder: pathlib.Path):
    assert [path for path in folder.rglob("*") if ".tmp" in path.name or path.name.endswith("_temp")] == []


def trained_alone(disk, *others):
    ended = call_command("cmr.train", *flags([disk], *others)[0])
    assert ended.returncode == 0, ended.stderr
    return losses(disk)


def check_losses_of_one(disks, tmp_path, *others):
    """Workers with disks of their own come to the losses of one process; the chief alone writes the run."""
    together = run_workers(tmp_path / "printed", flags(disks[1:], NO_DROPOUT, *others))

    assert [worker.code for worker in together] == [0] * (len(disks) - 1), together[0].output
    assert run_of(disks[1]).is_finished
    assert [disk.run_dir("run").parent.exists() for disk in disks[2:]] == [False] * (len(disks) - 2)
    np.testing.assert_allclose(losses(disks[1]), trained_alone(disks[0], NO_DROPOUT, *others), rtol=LOSS_RTOL)


def test_two_workers_train_to_the_losses_of_one(disks, tmp_path):
    check_losses_of_one(disks[:3], tmp_path, "--negatives=hardest")


@pytest.mark.faults
@pytest.mark.parametrize(
    "others",
    [
        ["--negatives=epoch"],
        ["--negatives=batch"],
        ["--negatives=hardest", "--warm_up_epochs=1", "--text_levels=gru"],
        ["--negatives=batch", "--loss=softmax", "--average_weights=0.9", "--decay_epochs=1"],
        ["--negatives=epoch", "--num_negatives=32", "--model=fusion"],
    ],
    ids=" ".join,
)
def test_four_workers_train_to_the_losses_of_one(disks, tmp_path, others):
    fifth = Workspace(tmp_path / "disk4", "scenes")
    shutil.copytree(disks[0].root, fifth.root)

    check_losses_of_one([*disks, fifth], tmp_path, *others)


def test_a_worker_that_was_killed_lets_all_go_on_from_the_state_on_the_chiefs_disk(disks, tmp_path):
    """With dropout, whose masks depend on the saved state too."""
    whole = run_workers(tmp_path / "whole", flags(disks[2:]))

    # The sixth step, behind the state that was saved after the fourth.
    broken = run_workers(
        tmp_path / "broken", flags(disks[:2]), {1: Fault("cmr.retrieval.step:TrainingStep.__call__", 6)}
    )
    resumed = run_workers(tmp_path / "resumed", flags(disks[:2]))

    assert [worker.code for worker in (*whole, *resumed)] == [0] * 4, whole[0].output + resumed[0].output
    assert broken[1].code == -9
    check_one_sentence(broken[0], "worker 0 can't go on: worker 1 (localhost:", "is gone; give the same command again")
    assert all("going on from epoch 1, step 4" in worker.output for worker in resumed)
    assert losses(disks[0]) == losses(disks[2])


STEP, SAVE = "cmr.retrieval.step:TrainingStep.__call__", "cmr.training.loop:TrainingLoop._save"
# TensorFlow has written the state's files and not yet their list.
LISTING = "tensorflow.python.checkpoint.checkpoint_management:update_checkpoint_state_internal"


@pytest.fixture(scope="module")
def whole_run(scenes_workspace, tmp_path_factory):
    """The losses of two workers that nothing befalls."""
    folder = tmp_path_factory.mktemp("whole")
    workspace = without_runs(scenes_workspace, folder / "workspace")
    ended = run_workers(folder, flags([workspace] * 2))
    assert [worker.code for worker in ended] == [0, 0], ended[0].output
    return losses(workspace)


@pytest.mark.faults
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("fault", "goes_on"),
    [
        (Fault("cmr.training.rendezvous:meet", behind=True), [""] * 2),
        (Fault("cmr.retrieval.setup:RunSetup.from_flags"), [""] * 2),
        (Fault("cmr.retrieval.setup:RunSetup.model"), [""] * 2),
        (Fault(STEP, 6), ["epoch 1, step 4"] * 2),
        (Fault("cmr.retrieval.trainer:Trainer.validate"), ["epoch 1, step 8"] * 2),
        # Of the end of an epoch the chief saves a state without the others.
        (Fault("cmr.training.loop:TrainingLoop._append_history", behind=True), ["epoch 1, step 8", "epoch 2, step 0"]),
        (Fault(SAVE, 3), ["epoch 1, step 8", "epoch 2, step 0"]),
        (Fault(SAVE, 3, behind=True), ["epoch 2, step 0"] * 2),
        (Fault(STEP, 6, "stand_still"), ["epoch 1, step 4"] * 2),
    ],
    ids=str,
)
def test_a_lost_worker_ends_all_and_the_same_command_goes_on(disks, tmp_path, whole_run, number, fault, goes_on):
    """On one shared disk."""
    both, saved = flags(disks[:1] * 2), goes_on[number]

    broken = run_workers(tmp_path / "broken", both, {number: fault})
    check_one_sentence(broken[1 - number], f"worker {1 - number} can't go on: ")
    resumed = run_workers(tmp_path / "resumed", both)

    assert broken[number].code == -9
    assert [worker.code for worker in resumed] == [0, 0], resumed[0].output + resumed[1].output
    assert all(f"going on from {saved}" in worker.output or not saved for worker in resumed)
    assert losses(disks[0]) == whole_run
    check_nothing_half_written(disks[0].root)


@pytest.mark.faults
def test_a_chief_that_is_killed_between_a_states_files_and_their_list_has_the_state_before(disks, tmp_path, whole_run):
    both = flags(disks[:1] * 2)

    broken = run_workers(tmp_path / "broken", both, {0: Fault(LISTING, 2)})
    check_one_sentence(broken[1], "worker 1 can't go on: worker 0 (localhost:")
    resumed = run_workers(tmp_path / "resumed", both)

    assert [worker.code for worker in resumed] == [0, 0], resumed[0].output + resumed[1].output
    assert all("going on from epoch 1, step 4" in worker.output for worker in resumed)
    assert losses(disks[0]) == whole_run
    check_nothing_half_written(disks[0].root)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("number", "function", "others"),
    [
        (0, SAVE, []),
        (0, LISTING, []),
        (0, "cmr.workspace.runs:Run.seal_best_weights", []),
        (0, "cmr.workspace.runs:Run.write_history", []),
        (0, "cmr.trained.final_evaluation:provenance", []),
        (1, "numpy:savez", ["--model=single"]),
    ],
)
def test_a_disk_that_is_full_is_one_sentence_there_and_ends_the_others(disks, tmp_path, number, function, others):
    both = flags(disks[:2], *others)

    broken = run_workers(tmp_path / "broken", both, {number: Fault(function, kind="full_disk")})
    for disk in disks[:2]:
        check_nothing_half_written(disk.root)
    resumed = run_workers(tmp_path / "resumed", both)

    check_one_sentence(broken[number], "no space left on the disk")
    if "provenance" in function:
        # The training had ended, and with it the others' part.
        assert broken[1].code == 0
    else:
        check_one_sentence(broken[1 - number], f"worker {1 - number} can't go on: worker {number} (localhost:")
    assert [worker.code for worker in resumed] == [0, 0], resumed[0].output + resumed[1].output
    assert run_of(disks[0]).is_finished


@pytest.mark.faults
@pytest.mark.parametrize(("number", "behind"), [(0, True), (1, False), (1, True)])
def test_a_worker_that_is_lost_when_all_is_trained_takes_nothing_from_the_other(disks, tmp_path, number, behind):
    """Whether it parts before the other has come to it, or as soon as it has what it needs itself."""
    both = flags(disks[:2])

    ended = run_workers(tmp_path / "printed", both, {number: Fault("cmr.training.workers:Workers.part", behind=behind)})

    assert [worker.code for worker in ended] == [-9 if each == number else 0 for each in (0, 1)], ended[1].output
    assert run_of(disks[0]).is_finished == (number == 1)


def other_features(disk):
    path = disk.features_dir("scene_cnn-objects") / FEATURES_NPY
    array = np.load(path)
    array[3, 2] += 1
    np.save(path, array)
    return "checksums.scene_cnn-objects: "


def other_captions(disk):
    table = captions.read_captions(disk.captions_csv)
    table.loc[0, "caption"] = "A red dog."
    captions.write_captions(disk.captions_csv, table)
    return "checksums.captions.csv: "


def other_vocabulary(disk):
    path = disk.vocabulary_txt
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:-2], lines[-1], lines[-2]]))
    return "checksums.vocabulary: "


@pytest.mark.parametrize("change", [other_features])
def test_workers_with_other_files_end_all_with_the_same_sentence(disks, tmp_path, change):
    check_refused_together(disks, tmp_path, change)


@pytest.mark.faults
@pytest.mark.parametrize("change", [other_captions, other_vocabulary])
def test_workers_with_other_tables_end_all_with_the_same_sentence(disks, tmp_path, change):
    check_refused_together(disks, tmp_path, change)


def check_refused_together(disks, tmp_path, change):
    named = change(disks[1])

    ended = run_workers(tmp_path / "printed", flags(disks[:2]))

    for worker in ended:
        check_one_sentence(worker, "worker 1 (localhost:", "would train something else than worker 0", named)
    assert ended[0].last_line == ended[1].last_line
    assert not run_of(disks[0]).path.exists()


@pytest.mark.faults
def test_a_worker_with_other_flags_ends_all_with_the_same_sentence(disks, tmp_path):
    first, second = flags(disks[:2])

    ended = run_workers(tmp_path / "printed", [first, [*second, "--margin=0.3", "--gru_units=9"]])

    for worker in ended:
        check_one_sentence(
            worker, "model.gru_units: 8 on worker 0, 9 on worker 1; train.margin: 0.7 on worker 0, 0.3 on"
        )
    assert not run_of(disks[0]).path.exists()


@pytest.mark.faults
def test_a_worker_that_lacks_a_file_says_so_and_ends_the_others(disks, tmp_path):
    disks[1].vocabulary_txt.unlink()

    ended = run_workers(tmp_path / "printed", flags(disks[:2]))

    check_one_sentence(ended[1], "vocabulary.txt is missing")
    check_one_sentence(ended[0], "worker 0 can't go on: worker 1 (localhost:", "is gone")
