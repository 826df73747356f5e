"""What another process writes is refused in one line, by each command that writes it."""

import os

import pytest
from tiny_runs import call_command, place

from cmr.workspace.writer_lock import writer_lock


@pytest.mark.parametrize(
    ("module", "arguments", "folder"),
    [
        ("data_prep.prepare", ["--num_scenes=30"], ""),
        (
            "data_prep.extract",
            ["--cnn=vgg", "--vgg_model=vgg16", "--weights=random", "--features_name=mine"],
            "features/mine",
        ),
        (
            "data_prep.import_features",
            ["--features={features}/features.npy", "--image_ids={features}/image_ids.txt", "--features_name=mine"],
            "features/mine",
        ),
        ("cmr.pretrain", ["--image_features=scene_cnn-layout"], "captioner"),
    ],
)
def test_a_folder_that_another_process_writes_is_one_line_and_stays_as_it_is(tiny_workspace, module, arguments, folder):
    locked = tiny_workspace.dataset_dir / folder
    features = tiny_workspace.features_dir("scene_cnn-objects")
    with writer_lock(locked):
        before = sorted(locked.rglob("*"))

        ended = call_command(module, *place(tiny_workspace), *(each.format(features=features) for each in arguments))

        assert sorted(locked.rglob("*")) == before
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {locked} is being written by process {os.getpid()} (")
    assert ended.stderr.count("\n") == 1
